"""Photos over HTTP: who uploads them, and who sees them."""

from io import BytesIO

import pytest
from PIL import Image

from tests.api.house import PLACE, Office


def test_a_photo_is_seen_by_whoever_sees_the_case_that_names_it_and_by_nobody_else(house: Office) -> None:
    picture = BytesIO()
    Image.new("RGB", (8, 8), "red").save(picture, "PNG")
    sent = house.by("grid") | {"Content-Type": "image/png"}
    digest = house.client.post("/api/v1/photos", content=picture.getvalue(), headers=sent).json()["hash"]
    body = {"source": "grid", "description": "牌匾", "place": PLACE, "photos": [digest]}
    report = house.do("grid", "/reports", body)["report"]

    assert house.get("command", f"/reports/{report}/photos/{digest}").headers["content-type"] == "image/png"
    assert house.get("other_street", f"/reports/{report}/photos/{digest}").status_code == 403
    other = house.reported()
    assert house.get("command", f"/reports/{other}/photos/{digest}").status_code == 404


@pytest.mark.parametrize("who", ["admin", "auditor", "organisation"])
def test_who_handles_nothing_uploads_nothing(house: Office, who: str) -> None:
    sent = house.by(who) | {"Content-Type": "image/png"}
    assert house.client.post("/api/v1/photos", content=b"x", headers=sent).status_code == 403


def test_what_is_no_photo_is_refused(house: Office) -> None:
    sent = house.by("grid") | {"Content-Type": "image/png"}
    reply = house.client.post("/api/v1/photos", content=b"<svg/>", headers=sent)
    assert (reply.status_code, reply.json()["code"]) == (422, "INVALID")
