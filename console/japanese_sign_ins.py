"""The sentences on sign-ins (`detections.sign_ins`) in Japanese; they are put together as those are."""

from __future__ import annotations

_WHO = {"": "", "{who} ": "{who} は "}
_DID = {
    "signed in": "サインインしました",
    "a program renewed the sign-in": "プログラムがサインインを更新しました",
}
_TO = {"": "", " to {application}": " {application} に"}
_HOW = {"": "", ", {how}": " ({how})"}

SIGN_INS: dict[str, str] = {
    "no sign-in from {address} is known ever before; the last one was from {last} at {when}": "{address} からの以前のサインインは知られていません。最後のサインインは {when} の {last} からです",
    "no sign-in from {address} is known in the 24 hours before; the last one was from {last} at {when}": "直前の 24 時間に {address} からのサインインは知られていません。最後のサインインは {when} の {last} からです",
    **{
        f"{who}{did}{to} from {{address}} {{ago}} before{how}": f"{about}{{ago}}前に {{address}} から{there}{done}{more}"
        for who, about in _WHO.items()
        for to, there in reversed(_TO.items())
        for how, more in reversed(_HOW.items())
        for did, done in _DID.items()
    },
}
SIGN_IN_PARTS: dict[str, str] = {
    "with a second factor": "第 2 要素あり",
    "without a second factor": "第 2 要素なし",
    "on a managed device": "管理対象のデバイス",
    **{
        f"at {risk} risk": f"リスク: {said}"
        for risk, said in (("low", "低"), ("medium", "中"), ("high", "高"))
    },
    "less than a minute": "1 分未満",
    "{n} minute": "{n} 分",
    "{n} minutes": "{n} 分",
    "{n} hour": "{n} 時間",
    "{n} hours": "{n} 時間",
}
