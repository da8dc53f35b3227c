"""Photos: uploaded first, then named in a command by their hash; seen by whoever may see the case."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Path, Request, Response
from pydantic import BaseModel

from api.deps import Deps
from api.identity import Caller, Parts
from api.problems import declared
from api.read_route import known_parameters
from api.sight import must_see
from domain.errors import NotPermitted, Unknown

__all__ = ["UPLOADERS", "router_of_photos"]

TYPES = ("image/jpeg", "image/png", "image/webp")
UPLOADERS = frozenset({
    "grid_worker", "mobile_grid_worker", "street_officer", "street_leader", "command_officer", "department_liaison",
    "department_head", "specialist", "supervision",
})  # fmt: skip
"""Roles whose commands can name a photo."""

Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="the photo's hash")]


class Uploaded(BaseModel):
    """A photo's hash, for the commands that take photos."""

    hash: str


def router_of_photos(photo_at_most: int) -> APIRouter:
    """The router; an upload may be as large as `photo_at_most` bytes."""
    router = APIRouter(tags=["photos"])
    router.add_api_route(
        "/photos",
        upload,
        methods=["POST"],
        operation_id="upload_photo",
        summary="Upload a photo",
        status_code=201,
        max_body_size=photo_at_most,
        responses=declared(401, 403, 413, 422, 429, 500),
        openapi_extra={
            "requestBody": {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in TYPES}}
        },
    )
    for collection in ("cases", "reports"):
        router.add_api_route(
            f"/{collection}/{{id}}/photos/{{digest}}",
            download,
            methods=["GET"],
            dependencies=[Depends(known_parameters)],
            operation_id=f"photo_of_{collection}",
            summary="A photo that the case names",
            response_class=Response,
            responses={
                200: {"content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in TYPES}},
                **declared(401, 403, 404, 422, 429, 500),
            },
        )
    return router


def upload(
    request: Request, deps: Parts, who: Caller, body: Annotated[bytes, Body(media_type="image/jpeg")]
) -> Uploaded:
    """Keep a photo, stripped of what the camera noted in it. The body is the picture itself."""
    if who.actor.role not in UPLOADERS:
        msg = f"The role {who.actor.role} uploads no photos; a role that reports or handles cases does."
        raise NotPermitted(msg)
    declared_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return Uploaded(hash=deps.photos.put(body, declared_type))


def download(deps: Parts, who: Caller, target: Annotated[UUID, Path(alias="id")], digest: Digest) -> Response:
    """A photo, for whoever may see the case; 404 unless an event of the case names it."""
    with deps.views.glancing() as db:
        must_see(deps, db, who.actor, target)
    photo = deps.photos.get(digest) if _named(deps, target, digest) else None
    if photo is None:
        msg = f"No event of {target} names a photo {digest}; take the hash from the case file."
        raise Unknown(msg, id=str(target), photo=digest)
    headers = {"ETag": f'"{digest}"', "Cache-Control": "private"}
    return Response(photo.data, media_type=photo.media_type, headers=headers)


def _named(deps: Deps, target: UUID, digest: str) -> bool:
    return any(digest in recorded.event.model_dump_json() for recorded in deps.log.case(target))
