"""Ownership of a run directory: held, refused, freed, stale, with and without locks of the file system."""

import errno
import gc
import json
import os
import socket

import psutil
import pytest

import latticecell.output.lock as module
from latticecell.errors import InUseError, OutputError
from latticecell.output.lock import LOCK, Lock


@pytest.fixture(params=["flock", "no locks", "no fcntl"])
def kind(request, monkeypatch):
    """The lock where the file system knows locks, where it does not, and on Windows."""
    if request.param == "no fcntl":
        monkeypatch.setattr(module, "fcntl", None)
    elif module.fcntl is None:
        pytest.skip("no fcntl here")
    elif request.param == "no locks":

        def refuse(*_):
            raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

        monkeypatch.setattr(module.fcntl, "flock", refuse)
    return request.param


def write(path, **values):
    me = {"host": socket.gethostname(), "pid": os.getpid(), "started": psutil.Process().create_time()}
    (path / LOCK).write_text(json.dumps(me | values))


def test_one_owner_at_a_time(tmp_path, kind):
    one, other = Lock(tmp_path / "new"), Lock(tmp_path / "new")
    one.take()
    one.take()
    assert one.held and json.loads(one.path.read_text())["pid"] == os.getpid()
    with pytest.raises(InUseError, match=r"new: is in use by another run of this process$"):
        other.take()
    one.release()
    assert not one.held and not one.path.exists()
    other.take()
    one.release()
    assert other.held and other.path.exists()


def test_a_forgotten_lock_is_free(tmp_path, kind):
    lock = Lock(tmp_path)
    lock.take()
    del lock
    gc.collect()
    Lock(tmp_path).take()


def test_a_process_that_is_gone_does_not_count(tmp_path, kind):
    gone = max(psutil.pids()) + 1
    while psutil.pid_exists(gone):
        gone += 1
    write(tmp_path, pid=gone)
    Lock(tmp_path).take()


def test_a_number_that_another_process_has_now_does_not_count(tmp_path, kind):
    write(tmp_path, started=psutil.Process().create_time() - 1000.0)
    Lock(tmp_path).take()


def test_without_locks_a_living_process_and_another_host_count(tmp_path, kind):
    if kind == "flock":
        pytest.skip("the lock is free")
    write(tmp_path, pid=os.getppid(), started=psutil.Process(os.getppid()).create_time())
    with pytest.raises(InUseError, match=rf"process {os.getppid()} on {socket.gethostname()}$"):
        Lock(tmp_path).take()
    write(tmp_path, host="elsewhere")
    with pytest.raises(InUseError, match=r"on elsewhere; if that is gone, remove .*lock"):
        Lock(tmp_path).take()
    (tmp_path / LOCK).write_text("")
    with pytest.raises(InUseError, match="another process"):
        Lock(tmp_path).take()


def test_a_link_planted_at_its_name_is_not_followed(tmp_path, kind):
    mine = tmp_path / "mine"
    mine.write_text("x")
    (tmp_path / LOCK).symlink_to(mine)
    with pytest.raises((OutputError, InUseError)):
        Lock(tmp_path).take()
    assert mine.read_text() == "x"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_that_was_forked_off_frees_nothing(tmp_path, kind):
    lock = Lock(tmp_path)
    lock.take()
    pid = os.fork()
    if pid == 0:
        lock.release()
        os._exit(0)
    os.waitpid(pid, 0)
    with pytest.raises(InUseError):
        Lock(tmp_path).take()
