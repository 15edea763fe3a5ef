"""What a terminal obeys, class by class: ECMA-48, DEC's terminals, xterm's control sequences, and what others added to
them.

Each class is every member that the standards leave room for, not only those that somebody implements: a terminal may
know more of them tomorrow. Beside them stand what makes a terminal type by itself, and tricks of known faults.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

_ESC, _BEL, _ST = b"\x1b", b"\x07", b"\x1b\\"
_C1_ST = ("\x9c".encode(), b"\x9c")
_MODES = (
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    10,
    12,
    18,
    19,
    20,
    25,
    30,
    35,
    38,
    40,
    41,
    42,
    44,
    45,
    46,
    47,
    66,
    67,
    69,
    80,
    95,
    1000,
    1001,
    1002,
)
_MODES += (
    1003,
    1004,
    1005,
    1006,
    1007,
    1010,
    1015,
    1016,
    1034,
    1035,
    1042,
    1043,
    1047,
    1048,
    1049,
    1061,
    2004,
    2026,
    2027,
    2031,
    2048,
)
_OSC = (
    *range(20),
    21,
    22,
    46,
    50,
    51,
    52,
    60,
    61,
    66,
    99,
    104,
    105,
    106,
    *range(110, 120),
    133,
    176,
    555,
    633,
    697,
    777,
    1337,
    3008,
    5522,
)


def _csi(*bodies: str) -> list[bytes]:
    """With each of its introducers: seven bits, eight bits in UTF-8, a bare byte."""
    return [introducer + body.encode() for body in bodies for introducer in (b"\x1b[", "\x9b".encode(), b"\x9b")]


def _strings(letter: str, bare: int, *bodies: str) -> list[bytes]:
    """A control string with each introducer and each end."""
    introducers = (_ESC + letter.encode(), chr(bare).encode(), bytes([bare]))
    return [a + body.encode() + end for body in bodies for a, end in product(introducers, (_BEL, _ST, *_C1_ST))]


def _finals() -> Iterator[str]:
    for mark, middle, final in product(
        ("", "?", ">", "=", "<"), ("", *map(chr, range(0x20, 0x30))), map(chr, range(0x40, 0x7F))
    ):
        yield f"{mark}1;2{middle}{final}"


SEQUENCES: dict[str, list[bytes]] = {
    "C0, alone": [bytes([code]) for code in (*range(0x20), 0x7F) if code != 0x0A],
    "C0, in the middle of a sequence": [b"\x1b[1%c;2H" % code for code in (*range(0x20), 0x7F) if code != 0x0A],
    "C1, eight bits": [bytes([code]) for code in range(0x80, 0xA0)],
    "C1, in UTF-8": [chr(code).encode() for code in range(0x80, 0xA0)],
    "ESC and a final": [_ESC + bytes([code]) for code in range(0x30, 0x7F)],
    "ESC, an intermediate and a final": [b"\x1b%c%c" % pair for pair in product(range(0x20, 0x30), range(0x30, 0x7F))],
    "CSI, every final with every mark": [b"\x1b[" + body.encode() for body in _finals()],
    "CSI, every final by every introducer": _csi(*(chr(code) for code in range(0x40, 0x7F))),
    "CSI, odd parameters": _csi(
        "99999999999999999999A", ";;;;H", ":::m", "38:2::1:2:3m", "-1A", "1;" * 40 + "m", "<1;2;3M", "M   "
    ),
    "modes": _csi(
        *(f"?{mode}{final}" for mode, final in product(_MODES, ("h", "l", "s", "r", "$p"))), "2h", "4h", "12l", "20h"
    ),
    "OSC": _strings(
        "]", 0x9D, *(f"{number};pwned" for number in _OSC), "Lpwned", "lpwned", "Ipwned", "", "52;c;cm0gLXJmIC8="
    ),
    "OSC that asks": _strings(
        "]", 0x9D, *(f"{number};?" for number in (4, 10, 11, 12, 17, 19, 50, 52)), "1337;ReportCellSize"
    ),
    "DCS": _strings(
        "P",
        0x90,
        '$q"p',
        "$qr",
        "0;1|17/726d",
        "q#0;2;0;0;0#0~~@@",
        "0p S(A[0,0][9,9])",
        "+q544e",
        "+p544e",
        "1$t0;0",
        "=1s",
        "1;1;{ @???",
        "@kitty-cmd{}",
        ">|xterm",
        "tmux;pwned",
        "!z3B",
        "1000p",
        "$q\nid\n",
    ),
    "APC, PM, SOS": [
        *_strings("_", 0x9F, "Gf=24,s=1,v=1;AAAA", "Ga=q,i=1;AAAA", "tmux"),
        *_strings("^", 0x9E, "pwned"),
        *_strings("X", 0x98, "pwned"),
    ],
    "what a terminal answers": [
        b"\x05",
        b"\x1bZ",
        b"\x1b[21t",
        b"\x1b[20t",
        b"\x1b[>q",
        b"\x1b[?u",
        b"\x1b[?996n",
        b"\x1b[1;1;1;1;1;1*y",
        *_csi(
            "c",
            ">c",
            "=c",
            "5n",
            "6n",
            "x",
            "1x",
            "11t",
            "13t",
            "14t",
            "16t",
            "18t",
            "19t",
            "1$w",
            "2$w",
            "$u",
            "?1;1;0S",
            "+x",
            "&u",
        ),
        *_csi(*(f"?{number}n" for number in (6, 15, 25, 26, 53, 55, 56, 62, 63, 75, 85))),
    ],
    "strings that do not end": [_ESC + letter + b"0;" + b"x" * 300 for letter in (b"]", b"P", b"_", b"^", b"X", b"k")],
    "sequences that do not end": [
        b"\x1b[",
        b"\x1b[?",
        b"\x1b[1;",
        b"\x1b[1 ",
        b"\x9b",
        b"\x1b(",
        b"\x1b",
        b"\x1b\x1b",
        b"\x1b]",
        b"\x1bP",
    ],
    "one in another": [
        b"\x1b]0;a\x1b[31m\x07",
        b"\x1b]0;\x1b]52;c;eA==\x07\x07",
        b"\x1bPtmux;\x1b\x1b]52;c;eA==\x07\x1b\\",
        b"\x1b[\x1b[2J",
        b"\x1b[1\x18A",
        b"\x1b[1\x1aA",
        b"\x1bP\x1bPq~\x1b\\\x1b\\",
        b"\x1b\x1b[2J",
        b"\x1b]\x1b\\]0;x\x07",
        b"\x1b[\x9b2J",
        b"\x1b[1\x9d0;x\x07",
        b"\x1b_\x1b[6n\x1b\\",
    ],
    "half of it is cut out": [
        b"\x1b\x1b[m[2J",
        b"\x1b\x1b]0;\x07]0;pwned\x07",
        b"\x1b[\x1b[m6n",
        b"\xc2\x1b[m\x9b2J",
        b"\x1b\x1b(B[2J",
    ],
    "what hides a line": [
        b"\x1b[8mhidden\x1b[m",
        b"rm\x08\x08ls",
        b"rm -rf\rls    ",
        b"ls\x1b[1A\x1b[2K",
        b"\x1b[30;40mx\x1b[m",
        b"\x1b[s\x1b[1;1Hx\x1b[u",
        b"\x0eqqq\x0f",
    ],
    "what looks like typing": [
        b"\x1b[200~id\r\x1b[201~",
        b"\x1b[201~\rid\r",
        b"\x1b[<0;1;1M",
        b"\x1b[I",
        b"\x1b[13u",
        b"\x1bOM",
    ],
    "known faults": [
        b"\x1bGQ\n"[:-1],
        b"\x1b]50;?\x07",
        b"\x1b[?1337n",
        b"\x1b]7;file://x/\x07",
        b"\x1b]9;4;1;50\x07",
        b"\x1b]8;;file:///etc\x1b\\x\x1b]8;;\x1b\\",
        b"\x1bP$q;id;\x1b\\",
        b"\x1b]1337;SetMark\x07",
        b"\x1b]6;1;bg;red;brightness;0\x07",
        b"\x1b]777;notify;a;b\x1b\\",
        b"\x1b#8",
        b"\x1bc",
        b"\x1b[!p",
    ],
}


def together(count: int = 40) -> list[bytes]:
    """All of them, so many to a line, each between two words."""
    groups = [members[n : n + count] for members in SEQUENCES.values() for n in range(0, len(members), count)]
    return [b"begin " + b" word ".join(group).replace(b"\n", b" ") + b" end" for group in groups]
