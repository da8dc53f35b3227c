"""Rows whose texts look like the marks of one format or another."""

from hypothesis import strategies as st

TRICKY = (
    "null", "None", "", '"', "\\.", "],[", "]\t[", ",", "a\tb", "back\\slash", "line\nbreak", "\\N", "\\null", "\r",
    '{"quoted": "\\"null\\""}', "案卷",
)  # fmt: skip
TEXTS = st.one_of(st.sampled_from(TRICKY), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
ROWS = st.lists(
    st.tuples(
        st.none() | TEXTS,
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.booleans(),
        st.none() | st.floats(allow_nan=False, allow_infinity=False),
    ),
    min_size=1,
    max_size=20,
)
