"""Faults in saving, resuming and reading a training."""

from tests.faults import Fault

TRAINING, TESTS = "jaxbrain/training", "tests/training"
FAULTS = [
    Fault(
        "the arrays of a checkpoint are not compared with their checksums",
        f"{TRAINING}/checkpoint_file.py",
        "if left or crc32 != entry.crc32:", "if left:",
        f"{TESTS}/test_training_file.py",
    ),
    Fault(
        "the epoch of a checkpoint may be any number", f"{TRAINING}/training_file.py",
        "type(epoch) is not int or epoch != losses", "epoch != losses",
        f"{TESTS}/test_training_file.py",
    ),
    Fault(
        "the settings of a checkpoint may be anything", f"{TRAINING}/training_file.py",
        "if not isinstance(settings, dict) or not all(type(v) is str for v in settings.values()):",
        "if settings is False:",
        f"{TESTS}/test_training_file.py",
    ),
    Fault(
        "a file that fit cannot use pushes out the previous one", f"{TRAINING}/resuming.py",
        "if self._faulty:", "if False:",
        f"{TESTS}/test_training_file.py",
    ),
    Fault(
        "arrays of a network are numbered like its parameters", f"{TRAINING}/training_file.py",
        '{"index": len(leaves) + len(arrays) - 1}', '{"index": len(arrays) - 1}',
        f"{TESTS}/test_training_file.py",
    ),
    Fault(
        "a version of any kind is another version", f"{TRAINING}/checkpoint_file.py",
        "if type(version[0]) is not int or version[1]", "if version[1]",
        f"{TESTS}/test_checkpoint_file.py",
    ),
    Fault(
        "a failed save on the way ends the training", f"{TRAINING}/resuming.py",
        "except Exception as error:  # of any kind", "except KeyError as error:  # of any kind",
        f"{TESTS}/test_saving.py",
    ),
    Fault(
        "every failed save warns", f"{TRAINING}/resuming.py",
        "if not self.warned:", "if True:",
        f"{TESTS}/test_saving.py",
    ),
    Fault(
        "the error of the last save holds the state before it", f"{TRAINING}/resuming.py",
        "                info.state,\n                info.history,\n",
        "                None,\n                info.history,\n",
        f"{TESTS}/test_saving.py",
    ),
    Fault(
        "a relative directory is looked for where the program is by then",
        f"{TRAINING}/resuming.py",
        "Path(os.path.realpath(os.fsdecode(directory))) / training_file.NAME",
        "Path(directory) / training_file.NAME",
        f"{TESTS}/test_saving.py",
    ),
    Fault(
        "a directory that was deleted is not locked again", f"{TRAINING}/resuming.py",
        "        self._hold()\n        if self._faulty", "        if self._faulty",
        f"{TESTS}/test_saving.py",
    ),
    Fault(
        "two trainings share a lock", f"{TRAINING}/lock.py",
        "fcntl.LOCK_EX | fcntl.LOCK_NB", "fcntl.LOCK_SH | fcntl.LOCK_NB",
        f"{TESTS}/test_lock.py",
    ),
    Fault(
        "a system without locks cannot train", f"{TRAINING}/lock.py",
        "        except ImportError:\n", "        except OSError:\n",
        f"{TESTS}/test_lock.py",
    ),
    Fault(
        "without locks two that begin at once both train", f"{TRAINING}/lock.py",
        "if not locked and _names(file) != names:", "if False:",
        f"{TESTS}/test_lock.py",
    ),
    Fault(
        "the lock of another is deleted", f"{TRAINING}/lock.py",
        "                if self._is_ours():\n                    os.unlink(self.path)\n",
        "                os.unlink(self.path)\n",
        f"{TESTS}/test_lock.py",
    ),
    Fault(
        "the names of a process that has ended are a lock", f"{TRAINING}/lock.py",
        "return processes.another_runs(process)", "return process != os.getpid()",
        f"{TESTS}/test_lock.py",
    ),
    Fault(
        "a save cleans up after the processes of another host", f"{TRAINING}/atomic.py",
        'ours = re.escape(f"{name}.{processes.host()}.")',
        'ours = re.escape(f"{name}.") + r"[^.]*\\."',
        f"{TESTS}/test_atomic.py",
    ),
    Fault(
        "a worker that was forked outlives its signal", f"{TRAINING}/signals.py",
        "if os.getpid() != self._process:", "if False:",
        f"{TESTS}/test_signals.py",
    ),
    Fault(
        "a handler of the user for a signal is replaced", f"{TRAINING}/signals.py",
        "if number is not None and signal.getsignal(number) is signal.SIG_DFL:",
        "if number is not None:",
        f"{TESTS}/test_signals.py",
    ),
    Fault(
        "the handlers of signals stay after the training", f"{TRAINING}/signals.py",
        "        for number in self._taken:\n", "        for number in []:\n",
        f"{TESTS}/test_signals.py",
    ),
    Fault(
        "an error of on_chunk loses what was learned", f"{TRAINING}/fitting.py",
        "            _keep(error, reached)\n", "            pass\n",
        "tests/training/test_fitting.py::test_an_error_in_the_hook_is_the_callers_and_has_what_was_learned",
    ),
    Fault(
        "callbacks do not see a training that is finished", f"{TRAINING}/fitting.py",
        "stopped = reached.epoch and", "stopped = 0 < reached.epoch < reached.epochs and",
        "tests/training/test_callbacks.py::test_early_stopping_over_an_interruption",
    ),
    Fault(
        "a signal does not stop the training", f"{TRAINING}/fitting.py",
        "while info.epoch < info.epochs and (requests is None or requests.received is None):",
        "while info.epoch < info.epochs:",
        f"{TESTS}/test_signals.py",
    ),
    Fault(
        "a warning names a line of the package", "jaxbrain/core/notice.py",
        "stacklevel=level", "stacklevel=2",
        "tests/core/test_notice.py",
    ),
]  # fmt: skip
