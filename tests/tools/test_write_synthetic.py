import pytest

from tests.tools.loading import loaded, parse


@pytest.mark.parametrize("flag", ["--train=-1", "--val=-1"])
def test_a_negative_number_names_its_flag(flag):
    with loaded("write_synthetic.py"), pytest.raises(Exception, match=flag):
        parse(["--output=D", flag])
