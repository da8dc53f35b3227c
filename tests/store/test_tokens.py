"""Bearer tokens: told once, hashed at rest, ended at once."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from domain.errors import Unknown
from store.database import Place
from store.migrations import ACCESS, migrate
from store.tokens import Issued, Tokens
from tests.store.aggregates import NOON

PERSON = UUID(int=3)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "access.db"
    migrate(path, ACCESS)
    return path


@pytest.fixture(params=["file", "url"])
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def tokens(place: Place) -> Iterator[Tokens]:
    with closing(Tokens(place)) as opened:
        yield opened


def issue(tokens: Tokens) -> Issued:
    return tokens.create(PERSON, "street_officer", "220204001", "街道值班", NOON)


def test_a_secret_stands_for_its_actor(tokens: Tokens) -> None:
    issued = issue(tokens)
    token = tokens.lookup(issued.secret)
    assert token is not None
    assert (token.id, token.person, token.role) == (issued.id, PERSON, "street_officer")
    assert (token.organisation, token.name, token.created_at) == ("220204001", "街道值班", NOON)


@pytest.mark.parametrize("spoil", [str.lower, lambda secret: secret[:-1], lambda secret: secret + " ", lambda _: ""])
def test_anything_but_the_exact_secret_stands_for_nobody(tokens: Tokens, spoil: "type[str]") -> None:
    assert tokens.lookup(spoil(issue(tokens).secret)) is None


def test_text_of_any_kind_stands_for_nobody(tokens: Tokens) -> None:
    assert tokens.lookup("令牌\ud800😀") is None


def test_the_secret_itself_lies_nowhere_on_disk(file: Path) -> None:
    with closing(Tokens(file)) as tokens:
        secret = issue(tokens).secret
        stored = b"".join(each.read_bytes() for each in file.parent.iterdir())
    assert secret.encode() not in stored
    assert secret.removeprefix("shx_").encode() not in stored


def test_a_revoked_token_ends_at_once_and_in_every_process(place: Place, tokens: Tokens) -> None:
    issued = issue(tokens)
    with closing(Tokens(place)) as elsewhere:
        assert elsewhere.lookup(issued.secret) is not None
        tokens.revoke(issued.id, NOON)
        assert elsewhere.lookup(issued.secret) is None
    assert tokens.lookup(issued.secret) is None


def test_revoking_again_keeps_the_first_time(tokens: Tokens) -> None:
    issued = issue(tokens)
    tokens.revoke(issued.id, NOON)
    tokens.revoke(issued.id, NOON + timedelta(days=1))
    assert [token.revoked_at for token in tokens.list()] == [NOON]


def test_revoking_what_does_not_exist_is_refused(tokens: Tokens) -> None:
    with pytest.raises(Unknown, match="no token"):
        tokens.revoke(uuid4(), NOON)


def test_the_list_tells_all_tokens_without_their_secrets(tokens: Tokens) -> None:
    first, second = issue(tokens), issue(tokens)
    assert [token.id for token in tokens.list()] == [first.id, second.id]
    assert first.secret != second.secret
    assert first.secret not in repr(tokens.list())


def test_tokens_outlive_the_process(place: Place, tokens: Tokens) -> None:
    secret = issue(tokens).secret
    tokens.close()
    with closing(Tokens(place)) as again:
        assert again.lookup(secret) is not None
