"""Mistakes by which somebody would see what is not theirs, or what is no longer so."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Edit, Mutant

API: Final = "tests/e2e/test_dashboard.py"
TOKENS: Final = "tests/unit/test_dashboard_tokens.py"

ANYBODYS: Final = Mutant(
    "every device is everybody's",
    "people see their own devices and no others",
    (
        Edit(
            "dashboard/access.py",
            """
    if device not in known.person.devices:
        raise HTTPException(404, _NO_DEVICE)
    return device
""",
            """
    return device
""",
        ),
    ),
    (f"{API}::test_a_route_answers_whom_it_is_for_and_nobody_else", f"{API}::test_anothers_device_and_one_that_does_not_exist_are_the_same"),
    why=r"200 == 404",
)

STREAM_UNASKED: Final = Mutant(
    "a stream is asked only once whose it is",
    "who is taken out, or whose token ends, sees nothing more, even of what is open",
    (
        Edit(
            "dashboard/access.py",
            """
        return self._clock() < known.until and person is not None and device in person.devices and person.mark == known.person.mark
""",
            """
        return True
""",
        ),
    ),
    (
        "tests/unit/test_dashboard_access.py::test_who_looks_on_is_believed_for_as_long_as_their_token_says",
        f"{API}::test_who_is_taken_out_sees_nothing_from_the_next_request_on",
    ),
    why=r"== .nothing more",
)

OLD_PASSWORD: Final = Mutant(
    "sessions outlive their password",
    "a new password ends the sessions that began with the old one",
    (
        Edit(
            "dashboard/access.py",
            """
        if person is None or session.mark and session.mark != person.mark:
""",
            """
        if person is None:
""",
        ),
    ),
    (f"{API}::test_a_new_password_ends_the_sessions_of_the_old_one",),
    why=r"200 == 401",
)

ANY_AUDIENCE: Final = Mutant(
    "any audience",
    "a token is good for what it was made for: a session is no bearer token, and another application's token is none",
    (
        Edit(
            "dashboard/tokens.py",
            """
        options: Any = {"require": ["exp", "sub", "aud"], "verify_exp": False, "verify_nbf": False, "verify_iat": False}
""",
            """
        options: Any = {"require": ["exp", "sub", "aud"], "verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
""",
        ),
    ),
    (f"{TOKENS}::test_a_session_is_no_bearer_token_and_a_bearer_token_no_session", f"{TOKENS}::test_any_other_is_refused[audience]"),
)

BOTTOMLESS: Final = Mutant(
    "a bucket that never empties",
    "there is an end to trying passwords",
    (
        Edit(
            "dashboard/limits.py",
            """
        taken = left >= 1
        self._full[key] = (left - 1 if taken else left, now)
""",
            """
        taken = left >= 1
        self._full[key] = (left, now)
""",
        ),
    ),
    (
        "tests/unit/test_dashboard_limits.py::test_a_bucket_gives_its_burst_and_then_its_rate",
        "tests/unit/test_dashboard_access.py::test_who_sends_bad_tokens_keeps_nobody_of_the_same_address_from_logging_in",
    ),
)

ALWAYS_SETTLED: Final = Mutant(
    "always settled",
    "a browser keeps only what changes no more",
    (
        Edit(
            "dashboard/stored.py",
            """
        return self.past and all(period.total or (gone is not None and period.end <= gone) for period in self.view.periods)
""",
            """
        return True
""",
        ),
    ),
    (f"{API}::test_what_is_settled_may_be_kept_and_what_is_open_is_asked_for_again",),
    why=r"max-age=86400",
)

DASHBOARD: Final = (ANYBODYS, STREAM_UNASKED, OLD_PASSWORD, ANY_AUDIENCE, BOTTOMLESS, ALWAYS_SETTLED)
