"""The last administrator cannot be removed."""

import pytest

from breakwater.core.accounts.administrators import Administrators, KeyAccess, PersonAccess
from breakwater.core.accounts.model import Role, Scope
from breakwater.core.domain.errors import Conflict

ADA = PersonAccess("prs_ada", Role.ADMIN, has_password=True, disabled=False)
BOB = PersonAccess("prs_bob", Role.ADMIN, has_password=True, disabled=False)
ADMIN_KEY = KeyAccess("key_1", frozenset({Scope.ADMIN}))


def test_the_last_administrator_cannot_go() -> None:
    with pytest.raises(Conflict, match="Ada is the last administrator who can sign in"):
        Administrators.among([ADA]).check_person_can_go(ADA.id, "Ada")


def test_one_of_two_administrators_can_go() -> None:
    Administrators.among([ADA, BOB]).check_person_can_go(ADA.id, "Ada")


@pytest.mark.parametrize(
    "other",
    [
        PersonAccess("prs_bob", Role.OPERATOR, has_password=True, disabled=False),
        PersonAccess("prs_bob", Role.ADMIN, has_password=False, disabled=False),
        PersonAccess("prs_bob", Role.ADMIN, has_password=True, disabled=True),
    ],
    ids=["another role", "an invitation that is not opened", "disabled"],
)
def test_only_people_who_can_sign_in_as_administrators_count(other: PersonAccess) -> None:
    administrators = Administrators.among([ADA, other])
    with pytest.raises(Conflict):
        administrators.check_person_can_go(ADA.id, "Ada")
    administrators.check_person_can_go(other.id, "Bob")


def test_an_admin_key_does_not_replace_the_last_administrator() -> None:
    with pytest.raises(Conflict):
        Administrators.among([ADA], [ADMIN_KEY]).check_person_can_go(ADA.id, "Ada")


def test_the_last_admin_key_cannot_go_while_no_person_can_administer() -> None:
    reader = KeyAccess("key_2", frozenset({Scope.READ, Scope.SEND, Scope.OPERATE}))
    administrators = Administrators.among([], [ADMIN_KEY, reader])
    with pytest.raises(Conflict, match="Key ci is the last credential that can administer"):
        administrators.check_key_can_go(ADMIN_KEY.id, "ci")
    administrators.check_key_can_go(reader.id, "reader")


def test_an_admin_key_can_go_while_a_person_or_another_key_can_administer() -> None:
    another = KeyAccess("key_2", frozenset({Scope.ADMIN}))
    Administrators.among([], [ADMIN_KEY, another]).check_key_can_go(ADMIN_KEY.id, "ci")
    Administrators.among([ADA], [ADMIN_KEY]).check_key_can_go(ADMIN_KEY.id, "ci")
