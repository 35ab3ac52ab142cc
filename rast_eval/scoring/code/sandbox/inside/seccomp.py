"""A system-call filter for candidate programs: no new processes, sockets, memory files or IPC, no hand on others.

Neither EvalPlus nor LiveCodeBench lets a program start processes, so refusing them costs no grade, and it leaves
nothing to reap. Modes, owners, times and attributes of files are refused because a device such as /dev/null is the
machine's own, and under root the program's to change. Refused calls fail with EPERM, as if the user lacked the right.
Known machines: x86_64 and aarch64; elsewhere there is no filter and the namespaces and limits stand alone.
"""

from __future__ import annotations

import ctypes
import os
import struct

_ARCHITECTURES = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
"""AUDIT_ARCH value and the column of the tables below."""

_REFUSED: dict[str, tuple[int, int]] = {
    "fork": (57, -1),
    "vfork": (58, -1),
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "kcmp": (312, 272),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "socket": (41, 198),
    "bind": (49, 200),
    "connect": (42, 203),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "semget": (64, 190),
    "msgget": (68, 186),
    "mq_open": (240, 180),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_setup": (206, 0),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "fanotify_init": (300, 262),
    "personality": (135, 92),
    "chmod": (90, -1),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, -1),
    "fchown": (93, 55),
    "lchown": (94, -1),
    "fchownat": (260, 54),
    "utime": (132, -1),
    "utimes": (235, -1),
    "futimesat": (261, -1),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
}

_ONLY_ITSELF: dict[str, tuple[int, int]] = {
    "prlimit64": (302, 261),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
}
"""First argument must be 0, the calling process: these could slow down or starve the fork server."""

_ONLY_OWN_PID: dict[str, tuple[int, int]] = {"kill": (62, 129), "tgkill": (234, 131)}

_FCNTL, _SENDTO = (72, 25), (44, 206)
_SIGNAL_COMMANDS = (8, 10, 15)
"""F_SETOWN, F_SETSIG, F_SETOWN_EX: a descriptor that is ready sends any signal to any process of the user."""

_CLONE, _CLONE3, _CLONE_THREAD = (56, 220), 435, 0x10000
_X32 = 0x40000000
_EPERM, _ENOSYS = 1, 38
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LOAD, _JEQ, _JGE, _JSET, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCH, _ARGUMENT = 0, 4, 16
_SECOND, _FIFTH = _ARGUMENT + 8, _ARGUMENT + 32


def program(pid: int, machine: str) -> bytes:
    """Classic BPF for a candidate with process id `pid`; empty where `machine` is unknown."""
    if machine not in _ARCHITECTURES:
        return b""
    audit, column = _ARCHITECTURES[machine]
    code: list[tuple[int, int, int, int]] = [
        (_LOAD, 0, 0, _ARCH),
        (_JEQ, 1, 0, audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_JGE, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
        (_JEQ, 0, 1, _CLONE3),  # its flags lie in memory, out of sight: libc falls back to clone
        (_RETURN, 0, 0, _ERRNO | _ENOSYS),
    ]
    for numbers in _REFUSED.values():
        if numbers[column] >= 0:
            code += [(_JEQ, 0, 1, numbers[column]), (_RETURN, 0, 0, _ERRNO | _EPERM)]
    for table, allowed in ((_ONLY_ITSELF, 0), (_ONLY_OWN_PID, pid)):
        for numbers in table.values():
            code += [
                (_JEQ, 0, 4, numbers[column]),
                (_LOAD, 0, 0, _ARGUMENT),
                (_JEQ, 1, 0, allowed),
                (_RETURN, 0, 0, _ERRNO | _EPERM),
                (_RETURN, 0, 0, _ALLOW),
            ]
    code += [
        (_JEQ, 0, len(_SIGNAL_COMMANDS) + 3, _FCNTL[column]),
        (_LOAD, 0, 0, _SECOND),
        *((_JEQ, len(_SIGNAL_COMMANDS) - at, 0, command) for at, command in enumerate(_SIGNAL_COMMANDS)),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
        (_JEQ, 0, 6, _SENDTO[column]),  # a pair of sockets may talk, but to no address
        (_LOAD, 0, 0, _FIFTH),
        (_JEQ, 0, 3, 0),
        (_LOAD, 0, 0, _FIFTH + 4),
        (_JEQ, 0, 1, 0),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
        (_JEQ, 0, 4, _CLONE[column]),
        (_LOAD, 0, 0, _ARGUMENT),
        (_JSET, 1, 0, _CLONE_THREAD),
        (_RETURN, 0, 0, _ERRNO | _EPERM),
        (_RETURN, 0, 0, _ALLOW),
        (_RETURN, 0, 0, _ALLOW),
    ]
    return b"".join(struct.pack("=HBBI", *line) for line in code)


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_char_p)]


_libc = ctypes.CDLL(None, use_errno=True)
_SET_DUMPABLE, _SET_SECCOMP, _SET_SUBREAPER, _SET_NO_NEW_PRIVS = 4, 22, 36, 38


def forbid() -> bool:
    """Install the filter in the calling process, for good. False where there is none for this machine.

    Raises:
        OSError: the kernel refuses it; the program must then not run.
    """
    code = program(os.getpid(), os.uname().machine)
    if not code:
        return False
    filled = _Program(len(code) // 8, code)
    if _libc.prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or _libc.prctl(_SET_SECCOMP, 2, ctypes.byref(filled), 0, 0):
        raise OSError(ctypes.get_errno(), "the kernel refuses the system-call filter")
    return True


def hide() -> None:
    """Keep same-user processes out of this one's memory and descriptors: `/proc/<pid>/mem`, ptrace."""
    _libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)


def adopt_orphans() -> None:
    """Make orphaned descendants children of this process, so that it can find and reap them."""
    _libc.prctl(_SET_SUBREAPER, 1, 0, 0, 0)
