"""Claim `cold`: content helps items with at most 5 train interactions more than the others.

A difference of differences: the gain over other items' features (`permuted`) or over the twin, on cold items against
the gain on the rest, for the same trained recommenders. Runs where it is asked for (`-m cold`), and trains nothing
that `noise` and `content` have not trained.

What would mislead: a gain is relative, and without content cold items are hardly found, so that a small absolute gain
is a large relative one there. Few users have a cold item in test, and where an arm finds none in a replicate there is
no ratio. Ranks are among all items: a recommender that shows cold items to everybody gains on them and loses on the
rest. Items are cold by the number of their train interactions. Those held out altogether (`split=cold`) are another
question, asked by `noise` on such data: there this claim has no other items to compare with, and its cases are
inadmissible.
"""

import pytest

pytestmark = pytest.mark.claim("cold")


def test_content_helps_cold_items_more(case, claims_judgement):
    claims_judgement()
