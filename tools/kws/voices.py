"""The voices of espeak-ng in families, split into training and test."""

from __future__ import annotations

# Without en-gb-x-gbcwmd (West Midlands), which says "aloha" without its h: [ɐlˈʌʊə].
ACCENTS = (
    "en-us",
    "en-us-nyc",
    "en-gb",
    "en-gb-x-rp",
    "en-gb-x-gbclan",
    "en-gb-scotland",
    "en-029",
)

# A line is a family: variants whose definitions share half of their settings or more, or sound
# alike. A family is heard as a whole or not at all. Names are those of the files of espeak-ng.
_FAMILIES = """
adam
Alex
Alicia
Andrea
Andy, AnxiousAndy
anika, anikaRobot
Annie
announcer
antonio
aunty, f4
belinda
benjamin
boris
caleb, klatt, klatt2, klatt3, klatt4, klatt5, klatt6
croak
david
Demonic
Denis
Diogo, Henrique, Hugo, michel, miguel
ed
edward, edward2
f1
f2
f3
f5
fast
Gene, Gene2
grandma
grandpa
gustave, Mario, Michael
iven, iven2, iven3, iven4
Jacky
john, Mr serious, norbert, Tweaky
kaukovalta
Lee
linda
m1
m2
m3
m4
m5
m6
m7
m8, Nguyen, robosoft, robosoft2, robosoft3, robosoft4, robosoft5, robosoft6
marcelo
Marco
max, RicishayMax, RicishayMax2, RicishayMax3, robosoft7, robosoft8
Mike
pablo
paul
pedro
quincy
rob
robert
sandro
shelby
steph, steph2, steph3
Storm
travis
UniRobot
victor
whisper, whisperf
zac
"""
FAMILIES = tuple(tuple(line.split(", ")) for line in _FAMILIES.split("\n") if line)

# Every fourth family is kept for the test.
NEVER_HEARD = FAMILIES[3::4]
HEARD = tuple(family for family in FAMILIES if family not in NEVER_HEARD)
