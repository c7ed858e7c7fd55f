"""The handwritten digits that come with scikit-learn."""

import numpy as np

from jaxbrain.core.arguments import checked


@checked
def digits() -> tuple[np.ndarray, np.ndarray]:
    """The 1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn; no download.

    Returns:
      x ``[1797, 64]`` float32 from 0 to 1, the rows of the image one after the other, and the
      labels y ``[1797]`` int32.

    Raises:
      ImportError: if scikit-learn is not installed.

    Source: Alpaydin and Kaynak 1998, doi 10.24432/C50P49.

    Examples:
      >>> x, y = digits()
      >>> x.shape, y[:5]
      ((1797, 64), array([0, 1, 2, 3, 4], dtype=int32))
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError('digits needs scikit-learn: pip install "jaxbrain[data]"') from error
    x, y = load_digits(return_X_y=True)
    return np.asarray(x / 16, np.float32), np.asarray(y, np.int32)
