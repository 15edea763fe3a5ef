"""Processes whose clocks are set while they run, as an administrator, a leap second or a suspend of the machine sets
them.

A library that is loaded before all others (`LD_PRELOAD`) adds to what the kernel says: the machine's own clocks, which
other people use, stay as they are.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

_LIBRARY = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *at) {
    static int (*real)(clockid_t, struct timespec *);
    static volatile int64_t *added;
    if (!real) {
        int file = open(getenv("SET_TIME"), O_RDONLY | O_CLOEXEC);
        added = mmap(0, 16, PROT_READ, MAP_SHARED, file, 0);
        close(file);
        real = dlsym(RTLD_NEXT, "clock_gettime");
    }
    int result = real(clock, at);
    int which = clock == CLOCK_REALTIME ? 0 : clock == CLOCK_BOOTTIME ? 1 : -1;
    if (!result && which >= 0) {
        int64_t all = at->tv_sec * 1000000000LL + at->tv_nsec + added[which];
        at->tv_sec = all / 1000000000LL;
        at->tv_nsec = all % 1000000000LL;
    }
    return result;
}
"""


class SetTime:
    """The clocks of the processes that are given `environment`."""

    def __init__(self, folder: Path) -> None:
        self._file, library = folder / "clocks", folder / "set_time.so"
        self._file.write_bytes(bytes(16))
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            pytest.skip("there is no C compiler here")
        command = [compiler, "-shared", "-fPIC", "-x", "c", "-", "-o", str(library), "-ldl"]
        subprocess.run(command, input=_LIBRARY, text=True, check=True, timeout=60)
        self.environment = os.environ | {"LD_PRELOAD": str(library), "SET_TIME": str(self._file)}

    def add(self, day: float = 0.0, boot: float = 0.0) -> None:
        """Set the time of day and the boot clock, in seconds away from those of the machine."""
        descriptor = os.open(self._file, os.O_WRONLY)
        os.pwrite(descriptor, struct.pack("qq", round(day * 1e9), round(boot * 1e9)), 0)
        os.close(descriptor)

    def written(self, name: str, *, day: float = 0.0, boot: float = 0.0) -> str:
        """A command of the shell that does as `add`."""
        content = self._file.with_name(name)
        content.write_bytes(struct.pack("qq", round(day * 1e9), round(boot * 1e9)))
        return f"dd if={content} of={self._file} conv=notrunc status=none"
