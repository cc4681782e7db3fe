"""Files that PyTorch 2.13 wrote, in both layouts, compressed; `STATE_DICT` says what is in them.

state_dict = OrderedDict(("module." + name, torch.tensor(...)), ...)
torch.save({"epoch": 3, "state_dict": state_dict, "optimizer": {"state": ...}}, file,
           _use_new_zipfile_serialization=...)
"""

import base64
import collections
import io
import pickle
import sys
import types
import zipfile
import zlib
from unittest import mock

import numpy as np

_MATRIX = np.arange(6, dtype=np.float32).reshape(2, 3)
STATE_DICT = {
    "conv.weight": _MATRIX,
    "conv.turned": _MATRIX.T,  # the same storage
    "conv.row": _MATRIX[1],
    "half": np.array([1.5, -2], np.float16),
    "brain": np.array([3, 0.25], np.float32),  # bfloat16
    "norm.num_batches_tracked": np.array(7),
    "empty": np.zeros((0, 4), np.float32),
    "parameter": np.array([0.5], np.float32),
}
_ZIP = (
    "c-o~_+i%-c96pKDG|hTROQ9E7$Hpy%F3ruktX&(-Far<PdKawm5V?t0TT9~noRe0YRH+hbfhUH91WyzH1-u}QSKd"
    "Gr35hoz1}{wFFW?+Ib$r~Wh4v`6W&3=WbNPMoio}HwibT+X7DHo5wJN%?q0LuStR|ZGYN9ZV?l5gTxCJP#^bvs8G"
    "%Gp;Bu<HvyB1clR<0Tq48cmptktv%Hq1sVdflpOmR7w&-b8_$l_3;Y#t5KpR@*f#Q861EiA~K|*D>@}ut^*w%57}"
    "aTG6tlt+kC>wT!h!%e2ZH=_rKbai!muGc9#pgMJ4R6>Fx7Z#WO55K#i8PZ9<cj$A9vHbkW`hBK=Yl7bSq3xg6T1$"
    "JTRGo3mb#xNp7?0_xYwi;R$Ms=d9_v;aTK(~3uC=VwEci|Z+K<UOEo@X&UC&Pp?;^VQ*O_=nPOsx_MZU?5Nzz#g`"
    "5WIlltPC^CnJ$5@*6zYN2izI!Rr1Ik>WlVJQ*fTJ1~FW)hqwbTQP!6o)>kmRD#L5aV3&2xQjG@08Ct=f!&J_tp0%"
    "md@VZ0&Mu&QiQeSka6By=YNGj*L)D6?BCmQW~c}>L?U2B!GrB?2dX-qL{*UZMctCY5tGLRuk0SsB9G&}1k@ECG3<"
    "h|y#dK2G=!v2KX*enzY7GbzVT_P#83ky<+uJNM7a~Z>u49iNa%hOaXwXR{!f>Mu-=k|!gn~WR}f@Ae9Do5ty3O&8"
    ";NQoHUk>Tp6_RYJWz<V-CZDoMK%qBMK#si{wZ42JFtH`b!_+SgJOK1yLZ1y^=GHN-Hoh7)@S%RBX?Uti<8^eb(D6"
    "Lkjomi3jBOm?tL+}yV_VifkS?v?(tXu7gyJX2!T;9;E7AaX#nDQ09r=_UGw@-innEIkeZ;5G??@Dy)wXD{R^+sK5"
    "U{T2QR_WbxS!!T;6aESkiQth2M$xisVC_EEOqxWZuy7LH{Z=zDu4&Z6&gDO*!bBx}q=#X&#H8wcQWP$o!hplNy-Z"
    "Fe@*~GKIld`TM-va9d@)I0OdjKCj&+n0h4_DVM27R2YUTF!z9a%Dbc|Ms)k=%P;%TP;PN}rLMD+uo$CD?}&zx4jz"
    "r##DG=F_!QqhR(0UhdLk@b)jg~EwF95vQ)R)-gb7&>JCEK~32|GDth3Fa?%+WB+#?zZjW;c9q~oxj68jGzVAgPTz"
    "KlbXmxsq#;c)^8o3A2TT34KRE7EzL4Wf;~{_r%l<YibCRl8cF5~MLu2RbJ=`>PbYIcpD!d+>13ME=Cj2lpDz|O=>"
    "nglF2^^%|1nN{#BG-WYS#7XP5IaX=l<_FKiV7M6Abci4)yw9@RN8$c$y(u4WT2F-_PR>(ou%zXAh4X;C{F_^@bVv"
    "?LOqoUO(2GVl4JgKQ`sZdJ~An-VFP&X+PGR94z)1KQ^<EJv>{yjeZ!jN#ob`Ry~V-?8owcthZWO?0Ce7&H1t3dK+"
    "P|Uwg1U_L;W~W*G3;06L~XSEO)wZoizli!O4=cg=Io^}B)ncn{l2|8%gk*!Hu&u!9-0`#XLA1q3Mwp8"
)
_LEGACY = (
    "c-noGX;afc7{}A3v=UD7#0$KOM=iZ59#9bx4QKF(&N!Knt|Xc!eKs2yoaqd2sOV?#g)jXWejPu8GrsWICKS-(&TO"
    "*BlmG8IcC#gZk)7XPXMPR8|GqSs-V*13O8BgUkka}EL8wuWd8X&+>xBBY=Ryn(v>x1XY{nd-6Sra;E{HptjEiiuM"
    "s(l)NPLj$5Kn0xxaeCRWzeCBnuIgkWsp$fTAXWm?iwVOco6I|xjm_QrUfxYYD)UdU_`IjCIit#PaI-0bi|hzX@yW"
    "ynZ_L%q!E?l2JnNbR|y=FHa&Mey+Q0X3)v>~sA;A3fZ2{O>y)epwo}m=aea^K>sc8Rsg#y%;yh}s5lDug$TN;-u$"
    "6F8h9g=p+KlJ3nG*K#v0R~$h0bPNW-S0&Nh~nvT2=%_RHO!UE0PjxK+k83``62$Plf(}oMZuYNd=Bt=!2EC+A;>L"
    "Q2Q9ymK3o8$CVgIoCvi~GB~BeX|3-sZR%~n;QxfrM8ap6QC8Z9b4qL*&WEBG7!0W}taa^)T88ruE{1|phGuc8m7q"
    "&|j9e~1UM!8}if|bjA~LQt6SEChIpbQ$xXvJ@!id(r$5^F??ZS-%kf~-JMvE=b%>$rPu2{@x;8p~>9f8subSDI57"
    ">ufr)rR&!u1BkBH>m2X1~V<<>x>%a2P{SI0DBHkX^Wdbz|9mfz6=zQ8$)gpxg#SXZ;U}nh4KA?k!p=?!rgz%!BbT"
    "zWHKeVhe`q}-RBVqO1uFNlsG>_6QSxPgR%+_n|Cu(tr^s)5=JOY9dgWD7BW0K44xa!!gLhIV-Cm6&G5&Q5IoD^sS"
    "3|_niJ&{%&9ORXq_nH)tFtyD^Fpe4vXQ9=XVyC>VQIZP_-EM7FG^nmrD5(JdaBEA}ZZW&VCiLH3qL$c;ov%|4+Q-"
    "|A{t5h_yQrV!I?u?ShZD^QxoWaZa?mM@f?AQSz3I-eUAFm$xROp|ER%ZBlFvw<dXS%_oE(31NTZ`$Cy3;TZe3@*n"
    "vrcoq"
)


def torch_files() -> dict[str, bytes]:
    """Returns the content of a file in either layout."""
    packed = {"zip": _ZIP, "legacy": _LEGACY}
    return {layout: zlib.decompress(base64.b85decode(text)) for layout, text in packed.items()}


class _StateDictPickler(pickle.Pickler):
    """Writes arrays as PyTorch writes float32 tensors, and collects their bytes."""

    def __init__(self, file, torch):
        super().__init__(file, protocol=2)
        self.torch, self.storages = torch, []

    def persistent_id(self, value):
        if not isinstance(value, bytes):
            return None
        self.storages.append(value)
        storage = self.torch.FloatStorage
        return "storage", storage, str(len(self.storages) - 1), "cpu", len(value) // 4

    def reducer_override(self, value):
        if not isinstance(value, np.ndarray):
            return NotImplemented
        strides = tuple(step // 4 for step in value.strides)
        rebuild = sys.modules["torch._utils"]._rebuild_tensor_v2
        hooks = collections.OrderedDict()
        return rebuild, (value.tobytes(), 0, value.shape, strides, False, hooks)


def write_state_dict(path, tensors):
    """Writes {name: float32 array} in the zip layout, without PyTorch."""
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    utils._rebuild_tensor_v2 = types.FunctionType((lambda: None).__code__, {})
    utils._rebuild_tensor_v2.__module__ = "torch._utils"
    utils._rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    content = io.BytesIO()
    with mock.patch.dict(sys.modules, {"torch": torch, "torch._utils": utils}):
        pickler = _StateDictPickler(content, torch)
        arrays = {name: np.ascontiguousarray(array, "<f4") for name, array in tensors.items()}
        pickler.dump(collections.OrderedDict(arrays))
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("net/data.pkl", content.getvalue())
        for key, numbers in enumerate(pickler.storages):
            archive.writestr(f"net/data/{key}", numbers)
