"""The vocabulary: the keyword, and other words for training and for the test."""

from __future__ import annotations

KEYWORD = "aloha"

_TRAINING_NEAR = """
alone, aloft, aloe, allow, hello, halo, alpha, aroma, oklahoma, a loaf, moana, koala, load, low,
hollow, alaska, arizona, a lot, a hole, aloof, llama, lower, loan, omaha, ahead, behold, ahoy,
lohan, ella, alley, elbow, yellow, over, ocean, lava, ha, loco, lotion, malaga, hola, pillow,
alabama, a llama, agenda, a banana, aorta, opera, elena, umbrella, a corner, a lion, alive, agree,
angola, an owl, a moment, a rope, aruba, who are you, nobody, where, who, amnesia, agora
"""
_TRAINING_FAR = """
yes, no, up, down, left, right, on, off, stop, go, zero, one, two, three, four, five, six, seven,
eight, nine, computer, weather, music, light, kitchen, window, door, morning, evening, house, bird,
tree, water, river, mountain, coffee, sugar, bread, table, paper, pencil, garden, flower, summer,
spring, tomorrow, yesterday, friday, doctor, teacher, school, engine, bicycle, train, ticket,
garage, camera, signal, energy, power, keyboard, screen, purple, orange, green, black, forest,
turn on the light, what time is it, play some music, how are you, good morning, call my mother,
set a timer, the door is open, see you later, thank you very much, where is the station,
joule, quick brown fox, jump, vex, buzz, squid, jazz, view, zigzag, python, unique, knife, treasure
"""
_TEST = """
alfalfa, salon, aleppo, hallway, aluminium, alliance, alcove, elastic, a holder, almond, saloon,
lotus, allegro, hollywood, halogen, locate, avocado, hyena, illness, alhambra, alibi, kahlua,
a load, oh no, hundred, thousand, holiday, pepper, candle, bottle, market, bridge, winter, autumn,
sunday, monday, picture, pocket, silver, rocket, open the window, turn it off, good night,
close the box, read the news, blue sky, never mind, where is my hat
"""


def _listed(text: str) -> tuple[str, ...]:
    return tuple(" ".join(part.split()) for part in text.split(","))


TRAINING_NEAR = _listed(_TRAINING_NEAR)
TRAINING_FAR = _listed(_TRAINING_FAR)
TEST = _listed(_TEST)
