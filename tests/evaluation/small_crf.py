"""CRF parameters that tests share: their graphs are traced once for all that use them."""

CRF = {"iterations": 2, "bilateral_sigma_xy": 10.0}
