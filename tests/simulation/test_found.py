"""Schedules in which a promise was broken once: each was made small, and runs with every change."""

from __future__ import annotations

import pytest

from tests.simulation.run import Simulation
from tests.simulation.schedule import Decision, Interrupt, Schedule, live_long

LIVES = {
    0: "a copy that went with its directory waited there for good, once others had moved it",
    13: "a directory was forgotten that a person had removed and we were about to, and not what had lain in it",
    77: "a file that was put there before a crash, in a directory that was moved, was taken for an edit of it all",
    141: "what stood aside for a while was told as deleted with the directory that a person removed around it",
    142: "a copy that was moved over the other, once that was decided elsewhere, was taken for what we had put there",
    268: "a copy that our hand had removed before a crash was told as decided",
    1051: "what stood in the way went aside as another, after a change of places that failed and had been made",
    200108: "a copy that was moved over the other was taken for ours once more, where its bytes had been stated again",
    200916: "who moved a copy over the other had it decided against, once the other was edited elsewhere meanwhile",
    201000: "what had got a name to be seen by was told, and a power cut took that name away again",
    200288: "a record that was under way brought back a file, and not the directory that was recognised with it",
    210029: "the same, where what it held had been recognised in a directory that the record makes",
    200583: "a record that was under way decided about a copy that a person had removed, and the state had it still",
    200303: "what had made way was told under our own name, for good, where somebody moved its directory",
    3100847: "who removed a file that had changed places before a crash, or not, removed what was the other's copy",
    432: "who saved over a file that had changed places before a crash, or not, overruled what was the other's copy",
}


@pytest.mark.slow
@pytest.mark.timeout(120)
@pytest.mark.parametrize("seed", LIVES, ids=LIVES.get)
def test_a_long_life(seed: int) -> None:
    Simulation(live_long(seed)).run()


def test_seed_4005265() -> None:
    """A version of a node that others had changed meanwhile was taken for what they all came to: an edit was overruled."""
    decisions = (
        Decision("people", 1, (892, 916, 758), "directory with", ()),
        Decision("people", 0, (269, 629, 152), "create", ()),
        Decision("people", 0, (799, 364, 476), "directory with", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 1, (651, 487, 262), "save by backup", ()),
        Decision("everywhere", 3, (), "", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("people", 0, (650, 821, 263), "chmod", ()),
        Decision("people", 3, (31, 993, 198), "directory with", ()),
        Decision("everywhere", 3, (), "", (Interrupt(1, "kill", (951, 437, 257, 180), ""),)),
        Decision("people", 3, (566, 181, 179), "case", ()),
        Decision("turn", 3, (), "", ()),
    )
    Simulation(Schedule(4005265, 4, ("small", "plain", "small", "plain"), False, (0, 0, 0, 0), decisions)).run()


def test_seed_4002871() -> None:
    """After a rebuild, an old content under the name of a copy was taken for news, once the copy had been renamed."""
    decisions = (
        Decision("people", 1, (413, 843, 962), "create", ()),
        Decision("people", 1, (93, 365, 905), "create", ()),
        Decision("people", 0, (89, 40, 954), "create", ()),
        Decision("people", 1, (329, 958, 430), "directory with", ()),
        Decision("stale", 1, (669, 416), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 0, (172, 807, 814), "save by removal", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("everywhere", 1, (), "", (Interrupt(1, "act", (235, 58, 917, 467), "move"),)),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 0, (65, 798, 441), "case", ()),
        Decision("wipe", 1, (792, 896), "", ()),
    )
    Simulation(Schedule(4002871, 2, ("plain", "plain"), False, (0, 0), decisions)).run()


def test_seed_5008518() -> None:
    """Somebody wrote into a file in the moment between two exchanges; the way back took it for what was staged."""
    decisions = (
        Decision("people", 1, (660, 412, 355), "directory with", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 1, (301, 247, 760), "save by rename", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision(
            "everywhere",
            0,
            (),
            "",
            (
                Interrupt(1, "act", (993, 484, 768, 501), "exchange"),
                Interrupt(9, "act", (19, 578, 96, 73), ""),
            ),
        ),
    )
    Simulation(Schedule(5008518, 3, ("plain", "plain", "plain"), False, (0, 0, 0), decisions)).run()


def test_seed_5100718() -> None:
    """What a run that was killed had put in place was noted before it was durable: a power cut made a deletion of it."""
    decisions = (
        Decision("people", 2, (85, 48, 8), "directory with", ()),
        Decision("people", 2, (423, 565, 249), "create", ()),
        Decision("people", 1, (291, 283, 230), "create", ()),
        Decision("everywhere", 2, (), "", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("turn", 0, (), "", (Interrupt(2, "kill", (882, 999, 6, 752), "move"),)),
        Decision("turn", 0, (), "", (Interrupt(3, "power", (831, 590, 115, 119), "commit"),)),
    )
    Simulation(Schedule(5100718, 3, ("fat", "small", "mac"), False, (0, 0, 0), decisions)).run()


def test_seed_5112257() -> None:
    """A directory that was dead when it was found here did not live again by what was told to be in it."""
    decisions = (
        Decision("people", 1, (160, 776, 25), "directory with", ()),
        Decision("people", 0, (884, 566, 936), "directory with", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 0, (874, 842, 1), "remove", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("advance", 1, (2500,), "", ()),
        Decision("everywhere", 0, (), "", ()),
    )
    Simulation(Schedule(5112257, 2, ("plain", "plain"), False, (0, 0), decisions)).run()


def test_seed_5109501() -> None:
    """A dead directory in which something lives kept the mode that it had here."""
    decisions = (
        Decision("people", 0, (995, 272, 600), "directory with", ()),
        Decision("people", 0, (259, 940, 703), "remove", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 0, (487, 936, 783), "remove", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("turn", 1, (), "", ()),
        Decision("people", 1, (999, 775, 123), "create", ()),
        Decision("advance", 0, (600,), "", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("people", 1, (589, 740, 546), "chmod directory", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("turn", 0, (), "", ()),
    )
    Simulation(Schedule(5109501, 2, ("plain", "plain"), False, (0, 0), decisions)).run()


def test_seed_5059() -> None:
    """An entry moved away while another device removed it was removed, and told as new at its new place."""
    decisions = (
        Decision("people", 1, (715, 358, 418), "create", ()),
        Decision("people", 0, (993, 261, 314), "directory with", ()),
        Decision("people", 0, (814, 791, 775), "directory with", ()),
        Decision("turn", 1, (), "", ()),
        Decision("people", 1, (898, 324, 849), "remove", ()),
        Decision("people", 1, (685, 732, 14), "create", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("everywhere", 0, (), "", (Interrupt(1, "act", (339, 198, 1, 708), "rename"),)),
        Decision("advance", 0, (40000,), "", ()),
        Decision("people", 0, (616, 562, 786), "move", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("turn", 0, (), "", ()),
    )
    Simulation(Schedule(5059, 2, ("fat", "plain"), False, (0, 0), decisions)).run()


def test_seed_773() -> None:
    """Two entries were to change places that had done so already."""
    decisions = (
        Decision("people", 1, (258, 587, 621), "create", ()),
        Decision("people", 0, (15, 902, 11), "directory with", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("everywhere", 1, (), "", (Interrupt(1, "kill", (635, 803, 720, 958), "move"),)),
        Decision("people", 1, (908, 766, 667), "edit in place", ()),
        Decision("people", 1, (596, 733, 4), "swap", ()),
        Decision("people", 1, (48, 718, 370), "remove", ()),
    )
    Simulation(Schedule(773, 2, ("plain", "plain"), False, (0, 0), decisions)).run()


def test_seed_6001193() -> None:
    """A copy that had become a node was a copy again, since another version had said once more what it showed."""
    decisions = (
        Decision("people", 1, (825, 492, 117), "directory with", ()),
        Decision("people", 0, (273, 459, 922), "create", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 0, (856, 191, 581), "edit in place", ()),
        Decision("turn", 1, (), "", ()),
        Decision("people", 1, (396, 710, 441), "remove", ()),
        Decision("people", 1, (84, 191, 360), "remove", ()),
        Decision("everywhere", 1, (), "", (Interrupt(6, "act", (368, 767, 256, 71), ""),)),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 1, (853, 89, 366), "move", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("people", 1, (43, 863, 815), "edit", ()),
    )
    Simulation(Schedule(6001193, 2, ("plain", "plain"), False, (0, 0), decisions)).run()


def test_seed_6102710() -> None:
    """A folder of before the device became another was taken for the one that its state knew: what it lacked was told as deleted."""
    decisions = (
        Decision("people", 1, (359, 26, 731), "directory with", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("unmount", 0, (546, 175), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("wipe", 0, (63, 131), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("restore", 0, (646, 952), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("everywhere", 0, (), "", ()),
    )
    Simulation(Schedule(6102710, 2, ("plain", "small"), False, (0, 0), decisions)).run()


def test_seed_6204444() -> None:
    """Somebody saved over a file in the moment between looking at it and removing it."""
    decisions = (
        Decision("people", 0, (564, 538, 557), "create", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 0, (184, 850, 556), "remove", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("advance", 0, (600,), "", ()),
        Decision("everywhere", 0, (), "", (Interrupt(2, "other", (247, 805, 821, 239), ""),)),
        Decision("everywhere", 1, (), "", (Interrupt(1, "act", (518, 633, 785, 904), "unlink"),)),
    )
    Simulation(Schedule(6204444, 2, ("fat", "plain"), False, (0, 0), decisions)).run()


def test_seed_6302940() -> None:
    """Somebody chose the overruled content by moving the copy over the file; it was taken for something that had been brought here."""
    decisions = (
        Decision("people", 0, (635, 286, 665), "directory with", ()),
        Decision("people", 1, (155, 772, 589), "directory with", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 0, (613, 826, 234), "remove", ()),
        Decision("turn", 1, (), "", ()),
        Decision("people", 1, (956, 858, 963), "edit", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 0, (313, 337, 476), "edit", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("people", 1, (21, 468, 716), "edit", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("people", 0, (39, 162, 141), "move over", ()),
    )
    Simulation(Schedule(6302940, 2, ("mac", "plain"), False, (0, 0), decisions)).run()


def test_seed_6304210() -> None:
    """On a disk that is blind to case, a directory that was gone was looked at under the name of another."""
    decisions = (
        Decision("people", 1, (309, 191, 237), "directory with", ()),
        Decision("people", 1, (208, 789, 978), "create", ()),
        Decision("people", 1, (787, 233, 547), "move", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("people", 1, (846, 352, 520), "remove", ()),
        Decision("people", 0, (15, 307, 662), "create", ()),
        Decision("everywhere", 1, (), "", (Interrupt(3, "other", (10, 116, 461, 89), ""),)),
        Decision("people", 0, (759, 48, 871), "append", ()),
        Decision("people", 1, (354, 945, 190), "directory with", ()),
    )
    Simulation(Schedule(6304210, 2, ("plain", "blind"), False, (0, 0), decisions)).run()


def test_seed_7002255() -> None:
    """What somebody put where a copy was about to stand was taken for an edit of that copy."""
    decisions = (
        Decision("people", 0, (719, 66, 120), "directory with", ()),
        Decision("people", 0, (584, 853, 945), "create", ()),
        Decision("people", 0, (927, 532, 446), "remove", ()),
        Decision("turn", 0, (), "", ()),
        Decision("everywhere", 0, (), "", (Interrupt(9, "other", (353, 611, 983, 210), ""),)),
        Decision("people", 0, (709, 933, 442), "save by backup", ()),
        Decision("people", 1, (728, 85, 910), "edit", ()),
        Decision("everywhere", 0, (), "", (Interrupt(1, "other", (479, 287, 13, 566), ""),)),
        Decision("everywhere", 1, (), "", (Interrupt(1, "act", (926, 833, 676, 234), "move"),)),
    )
    Simulation(Schedule(7002255, 2, ("small", "plain"), False, (0, 0), decisions)).run()


def test_seed_7002549() -> None:
    """Somebody saved over a file in the moment between its second name and the end of its first."""
    decisions = (
        Decision("people", 1, (86, 931, 138), "create", ()),
        Decision("people", 2, (692, 553, 952), "create", ()),
        Decision("turn", 1, (), "", ()),
        Decision("everywhere", 2, (), "", (Interrupt(1, "act", (874, 500, 155, 140), "unlink"),)),
    )
    Simulation(Schedule(7002549, 3, ("plain", "plain", "mac"), False, (0, 0, 0), decisions, 2)).run()


def test_seed_969() -> None:
    """A file was put in place and could not be looked at afterwards: what stood there was then taken for an edit."""
    decisions = (
        Decision("people", 1, (991, 633, 670), "create", ()),
        Decision("people", 0, (485, 232, 787), "create", ()),
        Decision("people", 1, (908, 322, 378), "create", ()),
        Decision("turn", 0, (), "", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("people", 0, (916, 448, 567), "case", ()),
        Decision("people", 1, (673, 527, 14), "remove", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("advance", 1, (2500,), "", ()),
        Decision("people", 1, (987, 646, 60), "remove", ()),
        Decision("people", 1, (999, 479, 55), "edit", ()),
        Decision("people", 0, (565, 273, 285), "again", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("turn", 0, (), "", ()),
        Decision(
            "everywhere",
            1,
            (),
            "",
            (
                Interrupt(14, "act", (425, 773, 401, 618), ""),
                Interrupt(74, "system fails", (552, 202, 925, 956), ""),
            ),
        ),
    )
    Simulation(Schedule(969, 2, ("plain", "plain"), False, (0, 0), decisions)).run()


def test_seed_1000822() -> None:
    """A crash after a restore was said and before it was noted: the state took what was said for what this disk had."""
    decisions = (
        Decision("people", 0, (801, 609, 855), "directory with", ()),
        Decision("people", 0, (921, 462, 733), "directory with", ()),
        Decision("turn", 0, (), "", ()),
        Decision("people", 0, (671, 707, 800), "move", ()),
        Decision("advance", 0, (2500,), "", ()),
        Decision("bring back", 0, (359, 161), "", ()),
        Decision("bring back", 0, (90, 56), "", (Interrupt(1, "kill", (924, 480, 630, 999), "put-done"),)),
    )
    Simulation(Schedule(1000822, 2, ("plain", "mac"), False, (0, 0), decisions)).run()


def test_seed_20000476() -> None:
    """A folder that could not be looked at while somebody asked for an old version was told as a fault inside syncd."""
    decisions = (
        Decision("people", 1, (171, 997, 972), "directory with", ()),
        Decision("people", 1, (513, 184, 248), "create", ()),
        Decision("people", 1, (391, 241, 526), "mkdir", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("restart", 1, (653, 497), "", ()),
        Decision("people", 1, (144, 231, 342), "move over", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 1, (72, 377, 10), "directory with", ()),
        Decision("bring back", 1, (124, 750), "", (Interrupt(104, "system fails", (214, 597, 379, 27), ""),)),
    )
    Simulation(Schedule(20000476, 2, ("plain", "coarse"), False, (0, 0), decisions, 500)).run()


def test_seed_21001423() -> None:
    """Somebody moved what had just come by an exchange; the way back put another file of theirs under our own name."""
    decisions = (
        Decision("people", 1, (130, 343, 758), "create", ()),
        Decision("people", 2, (848, 617, 582), "create", ()),
        Decision("people", 1, (171, 652, 292), "create", ()),
        Decision("people", 3, (211, 431, 281), "create", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("turn", 3, (), "", ()),
        Decision("everywhere", 2, (), "", ()),
        Decision("people", 1, (838, 428, 293), "again", ()),
        Decision("people", 2, (30, 829, 362), "case", ()),
        Decision("everywhere", 1, (), "", (Interrupt(15, "other", (250, 510, 625, 980), ""),)),
        Decision(
            "everywhere",
            3,
            (),
            "",
            (
                Interrupt(1, "act", (133, 970, 808, 66), "exchange"),
                Interrupt(14, "act", (949, 199, 572, 413), ""),
            ),
        ),
    )
    kinds = ("coarse", "coarse", "small", "small")
    Simulation(Schedule(21001423, 4, kinds, False, (0, 0, 0, 0), decisions, 500)).run()


def test_seed_21002672() -> None:
    """What was asked while the folder failed was done later, over what had been written since."""
    decisions = (
        Decision("people", 1, (445, 135, 106), "create", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("advance", 1, (300,), "", ()),
        Decision("bring back", 1, (11, 888), "", (Interrupt(1, "system fails", (169, 284, 374, 303), ""),)),
        Decision("people", 1, (734, 603, 702), "edit", ()),
        Decision("everywhere", 1, (), "", ()),
    )
    Simulation(Schedule(21002672, 2, ("mac", "plain"), False, (0, 0), decisions, 500)).run()


def test_seed_22006983() -> None:
    """Where a person had swapped what has another name here with something else, a pass never came to an end."""
    decisions = (
        Decision("people", 3, (706, 789, 188), "create", ()),
        Decision("people", 0, (819, 168, 472), "directory with", ()),
        Decision("people", 1, (912, 143, 538), "create", ()),
        Decision("people", 1, (363, 270, 628), "create", ()),
        Decision("everywhere", 3, (), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("turn", 1, (), "", (Interrupt(2, "act", (901, 576, 726, 973), ""),)),
        Decision("everywhere", 2, (), "", ()),
        Decision("people", 1, (533, 949, 399), "directory with", ()),
        Decision("people", 2, (55, 51, 938), "swap", ()),
        Decision("people", 1, (205, 631, 495), "case", ()),
    )
    kinds = ("plain", "plain", "linkless", "coarse")
    Simulation(Schedule(22006983, 4, kinds, False, (0, 0, 0, 0), decisions, 5)).run()


def test_seed_22019221() -> None:
    """A checkpoint left out a pack whose chunks another pack has, too: whoever began with it took it for nobody's."""
    decisions = (
        Decision("people", 0, (84, 557, 310), "mkdir", ()),
        Decision("people", 0, (812, 363, 756), "create", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("people", 0, (883, 775, 235), "same", ()),
        Decision("people", 1, (282, 671, 623), "same", ()),
        Decision("advance", 0, (2500,), "", ()),
        Decision("people", 0, (639, 907, 541), "remove", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("turn", 1, (), "", ()),
        Decision("people", 0, (178, 330, 234), "directory with", ()),
    )
    Simulation(Schedule(22019221, 2, ("plain", "coarse"), False, (0, 0), decisions, 3)).run()


def test_seed_22018325() -> None:
    """What had made way was told under the name that it had meanwhile; a directory that a person removed was made anew."""
    decisions = (
        Decision("people", 1, (521, 815, 243), "directory with", ()),
        Decision("people", 2, (782, 645, 281), "directory with", ()),
        Decision("everywhere", 2, (), "", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("everywhere", 2, (), "", ()),
        Decision("people", 1, (550, 253, 922), "swap", ()),
        Decision("people", 1, (38, 135, 964), "save by removal", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("people", 2, (158, 474, 145), "remove", ()),
        Decision("people", 2, (121, 415, 443), "case", ()),
        Decision("advance", 1, (2500,), "", ()),
        Decision("people", 2, (556, 918, 285), "to directory", ()),
        Decision("turn", 1, (), "", ()),
        Decision("people", 1, (560, 694, 581), "mkdir", ()),
    )
    Simulation(Schedule(22018325, 3, ("mac", "plain", "mac"), False, (0, 0, 0), decisions, 2)).run()


def test_seed_22027446() -> None:
    """With a state of long ago, what another device had said and was here already was told as this one's own edit."""
    decisions = (
        Decision("people", 1, (817, 620, 742), "create", ()),
        Decision("people", 1, (818, 994, 853), "directory with", ()),
        Decision("people", 0, (843, 829, 303), "create", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("turn", 0, (), "", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("people", 1, (271, 138, 249), "again", ()),
        Decision("wipe", 1, (414, 580), "", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("people", 0, (392, 875, 795), "edit", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 1, (859, 232, 984), "edit", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("restore", 0, (116, 585), "", ()),
    )
    Simulation(Schedule(22027446, 2, ("coarse", "blind"), False, (0, 0), decisions, 500)).run()


def test_seed_23000920() -> None:
    """A file was written into once more, within one tick of the clock, after it was looked at and before it went."""
    decisions = (
        Decision("people", 1, (810, 604, 546), "directory with", ()),
        Decision("people", 0, (272, 110, 856), "directory with", ()),
        Decision("people", 2, (884, 598, 490), "directory with", ()),
        Decision("everywhere", 2, (), "", ()),
        Decision("turn", 1, (), "", ()),
        Decision("people", 1, (439, 431, 147), "save by removal", ()),
        Decision("turn", 0, (), "", ()),
        Decision("people", 2, (67, 488, 522), "chmod", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("everywhere", 2, (), "", (Interrupt(110, "act", (119, 962, 855, 690), ""),)),
    )
    Simulation(Schedule(23000920, 3, ("small", "linkless", "plain"), False, (0, 0, 0), decisions, 500)).run()


def test_seed_23006539() -> None:
    """A file that had been swapped with a directory was taken for that directory, and so for another file, not moved."""
    decisions = (
        Decision("people", 0, (512, 992, 263), "directory with", ()),
        Decision("people", 1, (624, 205, 659), "directory with", ()),
        Decision("turn", 1, (), "", ()),
        Decision("people", 1, (908, 292, 680), "mkdir", ()),
        Decision("advance", 1, (60,), "", ()),
        Decision("people", 1, (231, 972, 591), "edit", ()),
        Decision("turn", 1, (), "", (Interrupt(1, "other", (818, 602, 276, 234), ""),)),
        Decision("people", 0, (862, 785, 54), "swap", ()),
    )
    Simulation(Schedule(23006539, 2, ("plain", "plain"), False, (0, 0), decisions, 500)).run()


def test_seed_23056541() -> None:
    """After a rebuild, two directories of a disk that calls one of them otherwise were taken for one and the same node."""
    decisions = (
        Decision("people", 0, (103, 586, 606), "directory with", ()),
        Decision("people", 0, (338, 979, 555), "directory with", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 0, (895, 833, 140), "append", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("wipe", 1, (506, 304), "", ()),
    )
    Simulation(Schedule(23056541, 3, ("small", "mac", "fat"), False, (0, 0, 0), decisions, 3)).run()


def test_seed_23076206() -> None:
    """A directory that got the name of one which its disk calls otherwise became one with it: the oracle took it for a loss."""
    decisions = (
        Decision("people", 0, (816, 154, 716), "directory with", ()),
        Decision("people", 1, (541, 73, 216), "directory with", ()),
        Decision("people", 0, (862, 260, 3), "to directory", ()),
        Decision("people", 1, (735, 304, 662), "directory with", ()),
        Decision("people", 0, (838, 306, 154), "directory with", ()),
        Decision("people", 0, (462, 942, 373), "move", ()),
        Decision("people", 1, (783, 55, 183), "case", ()),
    )
    Simulation(Schedule(23076206, 2, ("fat", "blind"), True, (0, 0), decisions, 500)).run()


def test_seed_23046801() -> None:
    """Of two directories that had become one, only one was told as gone when somebody removed it: the other came out."""
    decisions = (
        Decision("people", 2, (516, 63, 948), "directory with", ()),
        Decision("people", 0, (435, 209, 972), "create", ()),
        Decision("people", 0, (161, 382, 908), "mkdir", ()),
        Decision("people", 1, (822, 771, 725), "remove", ()),
        Decision("people", 0, (353, 51, 121), "move", ()),
        Decision("people", 2, (231, 198, 968), "case", ()),
        Decision("people", 1, (820, 467, 399), "remove", ()),
    )
    Simulation(Schedule(23046801, 3, ("plain", "small", "mac"), True, (0, 0, 0), decisions, 500)).run()


def test_seed_23026467() -> None:
    """A copy of what was decided, whose name another file had by then, was waited for without an end."""
    decisions = (
        Decision("people", 0, (73, 498, 887), "create", ()),
        Decision("people", 0, (615, 251, 264), "create", ()),
        Decision("people", 0, (886, 180, 591), "directory with", ()),
        Decision("people", 1, (671, 141, 29), "mkdir", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("turn", 1, (), "", ()),
        Decision("people", 0, (103, 985, 872), "swap", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("advance", 0, (300,), "", ()),
        Decision("people", 1, (485, 995, 729), "append", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("turn", 0, (), "", (Interrupt(1, "act", (861, 990, 342, 829), "move"),)),
        Decision("people", 1, (226, 201, 99), "remove", ()),
    )
    Simulation(Schedule(23026467, 2, ("plain", "plain"), False, (0, 0), decisions, 500)).run()


def test_seed_23059152() -> None:
    """What stood at a name at an instant was another entry once somebody else had the name: `--exact` emptied it."""
    decisions = (
        Decision("people", 2, (858, 671, 898), "create", ()),
        Decision("people", 1, (992, 664, 109), "create", ()),
        Decision("people", 2, (504, 255, 47), "create", ()),
        Decision("people", 1, (556, 949, 775), "create", ()),
        Decision("people", 0, (315, 587, 399), "directory with", ()),
        Decision("turn", 0, (), "", ()),
        Decision("people", 0, (396, 780, 130), "edit", ()),
        Decision("people", 0, (455, 484, 241), "create", ()),
        Decision("turn", 1, (), "", ()),
        Decision("people", 1, (848, 68, 770), "directory with", ()),
        Decision("everywhere", 2, (), "", ()),
        Decision("people", 1, (276, 117, 157), "move over", ()),
        Decision("advance", 1, (30,), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("bring back", 1, (493, 232), "", ()),
    )
    Simulation(Schedule(23059152, 3, ("plain", "plain", "coarse"), False, (0, 0, 0), decisions, 500)).run()


def test_seed_23017341() -> None:
    """The ledger took for told what the device said it had not done with."""
    decisions = (
        Decision("people", 2, (169, 408, 489), "directory with", ()),
        Decision("people", 0, (796, 760, 329), "directory with", ()),
        Decision("people", 0, (795, 451, 271), "directory with", ()),
        Decision("people", 2, (546, 211, 698), "create", ()),
        Decision("everywhere", 2, (), "", ()),
        Decision("people", 3, (759, 751, 603), "directory with", ()),
        Decision("people", 3, (34, 547, 648), "directory with", ()),
        Decision("people", 0, (312, 788, 70), "case", ()),
        Decision("turn", 0, (), "", ()),
        Decision("everywhere", 0, (), "", (Interrupt(1, "other", (799, 492, 47, 47), ""),)),
        Decision("turn", 1, (), "", ()),
        Decision("people", 3, (425, 159, 266), "swap", ()),
        Decision("people", 1, (431, 874, 558), "move", ()),
        Decision("people", 1, (386, 772, 740), "move over", ()),
        Decision("everywhere", 3, (), "", ()),
        Decision("wipe", 3, (553, 759), "", ()),
    )
    Simulation(Schedule(23017341, 4, ("plain", "coarse", "plain", "plain"), False, (0, 0, 0, 0), decisions, 3)).run()


def test_seed_23008705() -> None:
    """A directory was told as gone that stood, moved, behind a name whose last holder was not gone for long enough."""
    decisions = (
        Decision("people", 0, (144, 451, 658), "directory with", ()),
        Decision("people", 0, (584, 117, 692), "create", ()),
        Decision("people", 1, (272, 446, 668), "directory with", ()),
        Decision("people", 1, (812, 221, 20), "directory with", ()),
        Decision("turn", 1, (), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 0, (123, 316, 612), "mkdir", ()),
        Decision("people", 0, (384, 477, 721), "remove", ()),
        Decision("people", 1, (937, 38, 192), "create", ()),
        Decision("people", 0, (391, 227, 740), "directory with", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("people", 1, (328, 330, 994), "swap", ()),
        Decision("people", 1, (709, 502, 648), "swap", ()),
    )
    Simulation(Schedule(23008705, 2, ("plain", "coarse"), False, (0, 0), decisions, 2)).run()


def test_seed_23065170() -> None:
    """What stood at a name at an instant was another entry as soon as the one that had stood there was moved away."""
    decisions = (
        Decision("people", 0, (147, 814, 557), "directory with", ()),
        Decision("people", 1, (456, 747, 78), "create", ()),
        Decision("people", 1, (519, 947, 184), "create", ()),
        Decision("people", 1, (537, 319, 15), "create", ()),
        Decision("people", 1, (978, 911, 929), "mkdir", ()),
        Decision("people", 0, (145, 801, 590), "create", ()),
        Decision("turn", 1, (), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 1, (876, 871, 510), "move", ()),
        Decision("advance", 0, (40000,), "", ()),
        Decision("people", 0, (445, 699, 837), "directory with", ()),
        Decision("bring back", 1, (827, 610), "", ()),
        Decision("bring back", 0, (749, 992), "", ()),
    )
    Simulation(Schedule(23065170, 2, ("plain", "plain"), False, (0, 0), decisions, 500)).run()


def test_seed_23076489() -> None:
    """After a rebuild, a file under a copy's name and another at its own place were taken for one node: one was lost."""
    decisions = (
        Decision("people", 1, (99, 229, 513), "directory with", ()),
        Decision("people", 1, (618, 326, 206), "create", ()),
        Decision("people", 0, (876, 324, 359), "directory with", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("people", 0, (173, 140, 182), "directory with", ()),
        Decision("people", 0, (585, 872, 659), "create", ()),
        Decision("everywhere", 1, (), "", (Interrupt(7, "kill", (743, 4, 873, 808), ""),)),
        Decision("turn", 0, (), "", ()),
        Decision("people", 0, (613, 781, 816), "to file", ()),
        Decision("everywhere", 0, (), "", (Interrupt(32, "other", (289, 948, 484, 77), ""),)),
        Decision("people", 0, (196, 785, 762), "move", ()),
        Decision("people", 1, (151, 663, 22), "save by rename", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("turn", 1, (), "", ()),
        Decision("wipe", 1, (720, 586), "", ()),
        Decision("people", 1, (665, 983, 784), "swap", ()),
    )
    Simulation(Schedule(23076489, 2, ("plain", "plain"), False, (0, 0), decisions, 500)).run()


def test_seed_7205047() -> None:
    """A file was moved over its own conflict copy: the copy, equal now, went as one too many, and then the file as gone."""
    decisions = (
        Decision("people", 0, (848, 618, 602), "create", ()),
        Decision("people", 1, (840, 473, 988), "create", ()),
        Decision("people", 1, (345, 919, 654), "create", ()),
        Decision("turn", 0, (), "", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("people", 1, (375, 490, 197), "move over", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 0, (450, 224, 609), "touch", ()),
    )
    Simulation(Schedule(7205047, 2, ("plain", "plain"), False, (0, 0), decisions)).run()


def test_seed_7000190() -> None:
    """A damaged record, of which nobody can tell that it is, was believed, though another store had it whole."""
    decisions = (
        Decision("turn", 2, (), "", ()),
        Decision("turn", 0, (), "", ()),
        Decision("damaged", 0, (674, 20), "", ()),
        Decision("people", 2, (424, 607, 420), "directory with", ()),
    )
    schedule = Schedule(7000190, 3, ("plain", "fat", "small"), False, (0, 0, 0), decisions, stores=2, commit=2)
    Simulation(schedule).run()


def test_seed_7304758() -> None:
    """A store that was emptied was filled by a listing that did not show the newest yet, and taken for complete."""
    decisions = (
        Decision("stale", 0, (122, 283), "", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("unmount", 0, (111, 893), "", ()),
        Decision("emptied", 0, (257, 398), "", ()),
        Decision("everywhere", 0, (), "", ()),
    )
    Simulation(Schedule(7304758, 2, ("plain", "coarse"), False, (0, 0), decisions, stores=3, commit=1)).run()


def test_seed_1000110() -> None:
    """A version was brought back whose content had been let go: every device owed its folder what nobody had."""
    decisions = (
        Decision("policy", 0, (502,), "", ()),
        Decision("people", 1, (362, 413, 995), "directory with", ()),
        Decision("people", 1, (448, 463, 170), "edit", ()),
        Decision("people", 0, (781, 252, 355), "remove", ()),
        Decision("turn", 1, (), "", ()),
        Decision("people", 1, (905, 55, 665), "create", ()),
        Decision("days", 0, (686,), "", ()),
        Decision("prune", 1, (0,), "", ()),
        Decision("bring back", 1, (812, 962), "", ()),
    )
    schedule = Schedule(1000110, 2, ("plain", "coarse"), True, (0, 0), decisions, 500, stores=2, prunes=True)
    Simulation(schedule).run()


def test_seed_1001665() -> None:
    """What was brought back replaced a file that stood elsewhere still, for another device had moved it to that name."""
    decisions = (
        Decision("people", 1, (359, 637, 887), "create", ()),
        Decision("people", 0, (296, 118, 95), "create", ()),
        Decision("policy", 1, (848,), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 1, (49, 502, 412), "move", ()),
        Decision("advance", 1, (60,), "", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("people", 0, (484, 803, 161), "edit", ()),
        Decision("bring back", 0, (776, 371), "", ()),
    )
    schedule = Schedule(1001665, 3, ("plain", "plain", "plain"), False, (0, 0, 0), decisions, 2, stores=1, commit=1)
    Simulation(schedule).run()


def test_seed_41000468() -> None:
    """A copy that was none any more left behind that another entry stood for it."""
    decisions = (
        Decision("people", 0, (820, 618, 834), "create", ()),
        Decision("people", 1, (802, 192, 524), "directory with", ()),
        Decision("turn", 2, (), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("turn", 1, (), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 1, (349, 945, 426), "edit", ()),
        Decision("advance", 0, (600,), "", ()),
        Decision("people", 0, (957, 269, 943), "edit", ()),
        Decision("turn", 1, (), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("everywhere", 2, (), "", ()),
        Decision("wipe", 2, (977, 454), "", ()),
        Decision("everywhere", 1, (), "", (Interrupt(33, "act", (302, 463, 463, 33), ""),)),
        Decision("people", 1, (363, 903, 381), "remove", ()),
    )
    Simulation(Schedule(41000468, 3, ("plain", "plain", "plain"), False, (0, 0, 0), decisions, 3, 2, 2, False)).run()


def test_seed_7300038() -> None:
    """Killed when a symlink and its copy were one entry by two names, and then called otherwise: it was never placed."""
    decisions = (
        Decision("people", 1, (589, 842, 830), "create", ()),
        Decision("away", 0, (565, 433), "", ()),
        Decision("people", 0, (518, 415, 499), "symlink", ()),
        Decision("away", 0, (49, 211), "", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("everywhere", 0, (), "", (Interrupt(1, "kill", (629, 350, 809, 653), "rename"),)),
        Decision("people", 0, (871, 60, 475), "case", ()),
    )
    Simulation(Schedule(7300038, 2, ("mac", "mac"), False, (0, 0), decisions, 500, 2, 2, False)).run()


def test_seed_40001399() -> None:
    """A disk that was ahead of its state: an edit of the winner was taken for one of the loser, whose copy then went."""
    decisions = (
        Decision("people", 2, (530, 256, 338), "directory with", ()),
        Decision("people", 0, (214, 34, 799), "directory with", ()),
        Decision("everywhere", 2, (), "", ()),
        Decision("people", 0, (383, 209, 606), "create", ()),
        Decision("people", 0, (176, 618, 836), "move", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("people", 0, (391, 951, 22), "directory with", ()),
        Decision("people", 1, (237, 300, 843), "edit", ()),
        Decision("people", 2, (817, 724, 760), "edit in place", ()),
        Decision("people", 2, (370, 169, 776), "create", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("everywhere", 2, (), "", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("turn", 2, (), "", ()),
        Decision("restore", 2, (111, 210), "", ()),
        Decision("people", 2, (730, 114, 916), "edit in place", ()),
    )
    Simulation(Schedule(40001399, 3, ("small", "plain", "plain"), False, (0, 0, 0), decisions, 500, 1, 1, False)).run()


def test_seed_54001942() -> None:
    """Killed while two entries changed places in three steps: one stayed under a name of ours, and was told as deleted."""
    decisions = (
        Decision("people", 1, (916, 566, 286), "create", ()),
        Decision("people", 2, (629, 678, 280), "directory with", ()),
        Decision("turn", 1, (), "", ()),
        Decision("everywhere", 2, (), "", ()),
        Decision("people", 1, (816, 234, 163), "move", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("everywhere", 2, (), "", (Interrupt(2, "kill", (848, 663, 685, 716), "rename"),)),
    )
    Simulation(Schedule(54001942, 3, ("plain", "plain", "fat"), False, (0, 0, 0), decisions, 500, 1, 1, False)).run()


def test_seed_81002403() -> None:
    """Who removed a copy that others had made the content of its node meanwhile, removed nothing: it came back."""
    decisions = (
        Decision("people", 0, (694, 957, 135), "directory with", ()),
        Decision("turn", 0, (), "", ()),
        Decision("people", 0, (871, 137, 9), "edit", ()),
        Decision("advance", 1, (30,), "", ()),
        Decision("advance", 2, (30,), "", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("turn", 0, (), "", ()),
        Decision("people", 0, (750, 356, 692), "again", ()),
        Decision("advance", 2, (40000,), "", ()),
        Decision("turn", 0, (), "", ()),
        Decision("people", 1, (691, 786, 55), "again", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("people", 0, (739, 101, 347), "remove", ()),
        Decision("turn", 2, (), "", ()),
        Decision("people", 2, (941, 37, 654), "to file", ()),
    )
    machines = ("coarse", "plain", "plain")
    Simulation(Schedule(81002403, 3, machines, False, (0, 0, 0), decisions, 500, 1, 1, False)).run()


def test_seed_90004730() -> None:
    """No fault: who has a path as it was overrules also what stands there since two directories of one name are one."""
    decisions = (
        Decision("people", 0, (882, 988, 752), "directory with", ()),
        Decision("people", 1, (431, 906, 649), "create", ()),
        Decision("people", 0, (190, 625, 393), "directory with", ()),
        Decision("people", 0, (844, 536, 87), "to directory", ()),
        Decision("turn", 1, (), "", ()),
        Decision("turn", 0, (), "", ()),
        Decision("people", 0, (25, 888, 78), "create", ()),
        Decision("people", 1, (116, 779, 346), "mkdir", ()),
        Decision("restart", 0, (310, 177), "", ()),
        Decision("people", 0, (810, 406, 76), "create", ()),
        Decision("prune", 0, (542,), "", ()),
        Decision("people", 1, (613, 736, 857), "create", ()),
        Decision("advance", 0, (40000,), "", ()),
        Decision("turn", 1, (), "", ()),
        Decision("days", 1, (823,), "", ()),
        Decision("people", 1, (540, 596, 448), "edit in place", ()),
        Decision("turn", 1, (), "", ()),
        Decision("bring back", 0, (635, 351), "", ()),
    )
    machines = ("plain", "plain")
    Simulation(Schedule(90004730, 2, machines, False, (0, -100000), decisions, 500, 2, 1, True)).run()


def test_seed_90009726() -> None:
    """No fault: what was asked for is done when the device can, on what stands there by then."""
    decisions = (
        Decision("people", 1, (249, 810, 969), "directory with", ()),
        Decision("everywhere", 1, (), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("people", 0, (436, 884, 43), "save by backup", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("restore", 0, (158, 598), "", ()),
        Decision("bring back", 0, (714, 764), "", ()),
        Decision("people", 0, (797, 871, 900), "to directory", ()),
        Decision("turn", 0, (), "", ()),
    )
    machines = ("plain", "plain")
    Simulation(Schedule(90009726, 2, machines, False, (0, -100000), decisions, 500, 1, 1, False)).run()


def test_seed_73000323() -> None:
    """Who became a new device twice while the folder was not there did not know it any more by its first mark."""
    decisions = (
        Decision("unmount", 0, (329, 212), "", ()),
        Decision("away", 0, (808, 809), "", ()),
        Decision("wipe", 0, (380, 672), "", ()),
        Decision("wipe", 0, (875, 476), "", ()),
    )
    Simulation(Schedule(73000323, 2, ("plain", "plain"), False, (0, 0), decisions, 500, 3, 2, False)).run()


def test_seed_301000406() -> None:
    """An emptied store whose only record was damaged was taken for another vault's, and lacked everything for good."""
    decisions = (
        Decision("people", 0, (978, 291, 332), "create", ()),
        Decision("turn", 0, (), "", ()),
        Decision("people", 0, (669, 331, 484), "edit", ()),
        Decision("unmount", 0, (91, 65), "", ()),
        Decision("unmount", 0, (835, 431), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("emptied", 0, (609, 327), "", ()),
        Decision("everywhere", 0, (), "", ()),
        Decision("damaged", 0, (313, 373), "", ()),
    )
    Simulation(Schedule(301000406, 2, ("linkless", "mac"), False, (0, 0), decisions, 2, 2, 1, False)).run()
