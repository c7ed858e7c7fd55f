"""Motor tasks: planar reaches for `jaxbrain.motor.closed_loop`, and muscle activity.

Periods count steps (``*_steps``); lengths are in m, times in s.

Each is a `jaxbrain.tasks.Task`; a reach has a `jaxbrain.motor.TaskInput` at every step and asks for
positions of the hand.
"""

from jaxbrain.motor.tasks.fields import curl_field_task, perturbed_reach, schedule
from jaxbrain.motor.tasks.muscles import emg_generation
from jaxbrain.motor.tasks.reaching import center_out, delayed_reach, random_target

__all__ = [
    "center_out",
    "curl_field_task",
    "delayed_reach",
    "emg_generation",
    "perturbed_reach",
    "random_target",
    "schedule",
]


def __dir__() -> list[str]:
    return __all__
