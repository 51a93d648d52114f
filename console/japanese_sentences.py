"""The sentences of explanations and pictures in Japanese, by what they look like: alerts of any age are in English.

In braces stands what an alert says itself; it is put in as it is, or by `PARTS` where it is made of words of ours.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from string import Formatter

from console.japanese import TITLES
from console.japanese_detections import DESCRIPTIONS
from console.japanese_sign_ins import SIGN_IN_PARTS, SIGN_INS
from detections.catalogue import CATALOGUE

# Names that begin with n are numbers: 1,234.5 or 12%.
SENTENCES: dict[str, str] = {
    # What was seen
    "{n} record, {span}.": "{n} 件のレコード、{span}。",
    "{n} records, {span}.": "{n} 件のレコード、{span}。",
    "{n} address, {span}.": "{n} 個のアドレス、{span}。",
    "{n} addresses, {span}.": "{n} 個のアドレス、{span}。",
    "{n} connection, {span}.": "{n} 件の接続、{span}。",
    "{n} connections, {span}.": "{n} 件の接続、{span}。",
    "Operations: {list}.": "操作: {list}。",
    "Addresses: {list}.": "アドレス: {list}。",
    "Its hour was open when this was told: counts are of what had come by then.": "この時間帯の途中で通知されました。数はその時点までのものです。",
    "Withdrawn: {why}.": "取り下げ: {why}。",
    # What is usual
    "About {n} {service} connections an hour with the busiest peer at this hour of the week.": "この曜日・時間帯では、最も多い相手との {service} 接続は 1 時間に約 {n} 回です。",
    "About {n} {service} peers an hour at this hour of the week.": "この曜日・時間帯では、{service} の相手は 1 時間に約 {n} 個です。",
    "About {n} operations on this vault at this hour of the week.": "この曜日・時間帯では、このキー コンテナーの操作は約 {n} 件です。",
    "About {n} an hour.": "1 時間に約 {n} です。",
    "At most {n} in 99 of 100 such hours.": "そのような時間の 100 回中 99 回は {n} 以下です。",
    "On {n} earlier days the largest hour came to {n_least} or more here; the count is held against those too.": "以前の {n} 日に、最も多い 1 時間がここでの {n_least} 以上に当たりました。数はそれとも比べています。",
    "Other resources: about {n}, in hours in which there are any.": "他のリソース: 1 件以上ある時間で約 {n}。",
    "Other vaults: about {n}, in hours in which there are any.": "他のキー コンテナー: 1 件以上ある時間で約 {n}。",
    "This mix of operations: {list}.": "操作の内訳: {list}。",
    "{n} application known here.": "ここで知られているアプリケーション: {n}。",
    "{n} applications known here.": "ここで知られているアプリケーション: {n}。",
    "{n} user known here.": "ここで知られているユーザー: {n}。",
    "{n} users known here.": "ここで知られているユーザー: {n}。",
    "{n} pair known here.": "ここで知られている組: {n}。",
    "{n} pairs known here.": "ここで知られている組: {n}。",
    "{id}: seen on about {n} day of the last weeks": "{id}: 過去数週間のうち約 {n} 日に確認",
    "{id}: seen on about {n} days of the last weeks": "{id}: 過去数週間のうち約 {n} 日に確認",
    "In 24 hours {many} different vaults until now.": "これまでの 24 時間のキー コンテナー数: {many}。",
    "Listed and read in one go by this caller before: {much}.": "この呼び出し元が以前に一度に列挙して読み取った数: {much}。",
    "Listed and read in one go by anyone, among {whom}, before: {much}.": "以前に誰か ({whom}) が一度に列挙して読み取った数: {much}。",
    "Listed and read in one go by anyone before: {much}.": "以前に誰かが一度に列挙して読み取った数: {much}。",
    "Nobody is known to change who may use this vault and read from it within an hour.": "このキー コンテナーの利用権限を変更して 1 時間以内に読み取る人は知られていません。",
    "{n} principal does such things here.": "ここでそのような操作をするプリンシパル: {n}。",
    "{n} principals do such things here.": "ここでそのような操作をするプリンシパル: {n}。",
    "Acts from {countries}.": "普段の操作元: {countries}。",
    "No country of this person is known.": "この人の操作元の国は知られていません。",
    "In the organisation: nobody else acted from {country} before.": "組織内: {country} から操作した人は他にいません。",
    "In the organisation: others act from {country} since less than a day.": "組織内: この 1 日以内に他の人も {country} から操作しています。",
    "In the organisation: {what}.": "組織内: {what}。",
    "Clients used: none known.": "使われたクライアント: 不明。",
    "Clients used: {list}.": "使われたクライアント: {list}。",
    "PowerShell was used for that before, in {n} hour, last at {when}, while all was still learned": "PowerShell はこれに以前も使われていました ({n} 時間、最後は {when}、まだ学習中のとき)",
    "PowerShell was used for that before, in {n} hours, last at {when}, while all was still learned": "PowerShell はこれに以前も使われていました ({n} 時間、最後は {when}、まだ学習中のとき)",
    "acts from {country} were seen before, in {n} hour, last at {when}, while all was still learned": "{country} からの操作は以前も見られました ({n} 時間、最後は {when}、まだ学習中のとき)",
    "acts from {country} were seen before, in {n} hours, last at {when}, while all was still learned": "{country} からの操作は以前も見られました ({n} 時間、最後は {when}、まだ学習中のとき)",
    "the same was done before, on {n} day, last at {when}, while all was still learned": "同じことが以前も行われました ({n} 日、最後は {when}、まだ学習中のとき)",
    "the same was done before, on {n} days, last at {when}, while all was still learned": "同じことが以前も行われました ({n} 日、最後は {when}、まだ学習中のとき)",
    "it was here before, on {n} day, last at {when}, while all was still learned": "以前もここに来ていました ({n} 日、最後は {when}、まだ学習中のとき)",
    "it was here before, on {n} days, last at {when}, while all was still learned": "以前もここに来ていました ({n} 日、最後は {when}、まだ学習中のとき)",
    "about as many were seen before, on {n} day, last at {when}, while all was still learned": "同じくらいの数が以前も見られました ({n} 日、最後は {when}、まだ学習中のとき)",
    "about as many were seen before, on {n} days, last at {when}, while all was still learned": "同じくらいの数が以前も見られました ({n} 日、最後は {when}、まだ学習中のとき)",
    "PowerShell was used last at {when}.": "PowerShell が最後に使われたのは {when} です。",
    "PowerShell was never used.": "PowerShell は使われたことがありません。",
    "Pauses of unknown length.": "休止の長さは不明です。",
    "Pauses of at most {n} days.": "休止は長くて {n} 日です。",
    "Travel at up to {n} km/h.": "時速 {n} km までの移動。",
    "{country}: one of the person's usual places.": "{country}: 本人の普段の場所の 1 つです。",
    "{country}: not usual here.": "{country}: 普段の場所ではありません。",
    "Addresses that are on no such list.": "そのような一覧にないアドレス。",
    "No such breadth in this principal's history.": "このプリンシパルの履歴に、これほどの幅広さはありません。",
    "No traffic with an address that is listed.": "一覧にあるアドレスとの通信はありません。",
    "One publishing profile at a time, if any.": "発行プロファイルは、あっても一度に 1 つです。",
    "People and services of an organisation do not reach their vaults through Tor.": "組織の人やサービスは Tor を経由してキー コンテナーに接続しません。",
    "Roles that were made long ago, or built-in ones.": "ずっと前に作られたロール、または組み込みのロール。",
    "The evidence does not say what is usual.": "何が通常かは証拠にありません。",
    # Since when
    "The evidence does not say.": "証拠にありません。",
    "It is a rule, which works from the first minute; the {kind} is known since {when}, {n} day before.": "最初の 1 分から働くルールです。この{kind}は {when} ({n} 日前) から知られています。",
    "It is a rule, which works from the first minute; the {kind} is known since {when}, {n} days before.": "最初の 1 分から働くルールです。この{kind}は {when} ({n} 日前) から知られています。",
    "Learned since {when}, {n} day before this hour.": "{when} (この時間の {n} 日前) から学習しています。",
    "Learned since {when}, {n} days before this hour.": "{when} (この時間の {n} 日前) から学習しています。",
    # How improbable
    "Not a matter of chance: a rule.": "確率の問題ではなく、ルールによるものです。",
    "It is new to what was learned; no chance is given.": "学習したことのない新しいものです。確率は示されません。",
    "{odds}: the chance of seeing this, or more, if nothing were wrong.": "異常がないのに同じかそれ以上のことが起こる確率: {odds}。",
    "{odds}: the chance of something as new as this here.": "ここでこれほど新しいことが起こる確率: {odds}。",
    "{odds}: the chance of a new {level} here.": "ここで新しい{level}が現れる確率: {odds}。",
    "By its own history alone: {odds}. The larger of that and of what was measured counts.": "自身の履歴だけでは {odds}。これと実測のうち大きい方を採ります。",
    "Its own history is too short or too unsteady to judge by: it is held against that of all others.": "自身の履歴は判断するには短すぎるか不安定なため、他のすべてと比べています。",
    "With as many more as all saw in this hour: {odds}.": "この時間に全体が増えた分を考慮すると {odds}。",
    "An alert is raised below {odds}.": "{odds} を下回るとアラートになります。",
    "Of what its callers never did before: {odds}.": "呼び出し元がこれまでしなかった分だけでは {odds}。",
    "Of all entities' hours with any, {share} had as many.": "1 件以上あるすべての対象の時間のうち、同じほど多いもの: {share}。",
    "That limit is what an alert budget of {n} a day leaves it.": "この限度は 1 日 {n} 件のアラート予算によるものです。",
    "Something as improbable as this is found in {odds} of the hours judged; an alert budget of {n} a day has room for all that is found.": "これほど起こりにくいものは、判定した時間の {odds} に見つかります。1 日 {n} 件のアラート予算には、見つかるものすべてを伝える余地があります。",
    "Something as improbable as this is found in {odds} of the hours judged; an alert budget of {n} a day leaves room for {limit}.": "これほど起こりにくいものは、判定した時間の {odds} に見つかります。1 日 {n} 件のアラート予算で伝えられるのは {limit} までです。",
    # What speaks against it
    "{name} is expected to act so: {reason}": "{name} はこのように動作すると想定されています: {reason}",
    "{name} is expected to act so": "{name} はこのように動作すると想定されています",
    "first acts from {country} were at {when}, and told then if nothing spoke for them": "{country} からの最初の操作は {when} で、疑いを打ち消すものがなければそのとき通知されています",
    "where it had not been before, only names and properties were looked at this hour: nothing was read": "普段使っていないところでは、この時間に見られたのは名前とプロパティだけで、何も読み取られていません",
    "Nothing that is known.": "知られているものはありません。",
    "{n} others in the organisation acted from {country} in the last 30 days": "過去 30 日に組織の他の {n} 人が {country} から操作しました",
    "the same was told on a day before: if it was found to be rightful then, it may be so now": "同じことが以前の日にも通知されています。そのとき正当と分かったのなら、今回もそうかもしれません",
    "{n} others in the organisation used {address} in the last 30 days": "過去 30 日に組織の他の {n} 人が {address} を使いました",
    "{n} other uses {address}": "他の {n} 人が {address} を使っています",
    "{n} others use {address}": "他の {n} 人が {address} を使っています",
    "{n} of those who use {vault}, as {name} does, use this vault too": "{name} と同じく {vault} を使う人の {n} が、このキー コンテナーも使っています",
    "{name} has used this application elsewhere for {n} days": "{name} は他の場所でこのアプリケーションを {n} 日使っています",
    "{name} was given rights on this vault at {when} by someone who gives such rights here regularly": "{name} は {when} に、ここで定期的に権限を与えている人からこのキー コンテナーの権限を受けました",
    "{name} came to a vault that was new to it on {n} days before, from the same addresses": "{name} は以前の {n} 日に、同じアドレスから、自身にとって新しいキー コンテナーへ来ています",
    "{name} was at no vault before, and {other}, which goes from vault to vault, wrote this one at {when}: so does a release": "{name} はこれまでどのキー コンテナーにも来ておらず、キー コンテナーを渡り歩く {other} が {when} にここへ書き込みました。リリースではこうなります",
    "in {n} of the hours in which people read from a vault, somebody read as much": "人がキー コンテナーから読み取った時間の {n} で、同じほど多く読んだ人がいます",
    "{name} has come at about {time} UTC on {n} days before, from the same addresses, and read no more different objects ({n_objects}) than it reads then: more of the same": "{name} は以前の {n} 日、UTC {time} ごろに同じアドレスから来ており、読み取った異なるものの数 ({n_objects}) はいつもの回数を超えません。同じことの繰り返しが増えたものです",
    "it may be a journey: {n} hours for the {n_km} km from {country}, a client that is theirs, and {n_others} others were away for some days in the last 30": "移動の可能性があります。{country} から {n_km} km に {n} 時間あり、本人のクライアントで、過去 30 日に他の {n_others} 人が数日間よそにいました",
    **SIGN_INS,
    "geography databases place VPN exits and mobile carriers wrongly": "地理データベースは VPN の出口や携帯電話会社の位置を誤ることがあります",
    "no answer of the resource was seen: the attempts may not have reached a service": "リソースの応答は確認されていません。試行はサービスに届いていない可能性があります",
    "flows are sampled, one in {n}: counts are of what was sampled": "フローは {n} 分の 1 にサンプリングされています。数はサンプリングされた分です",
    "only {n} connections of the hour were kept: counts are at least these": "この時間の接続のうち {n} 件だけを保持しました。実際の数はこれ以上です",
    "one feed alone lists the address: lists go stale": "このアドレスを登録しているフィードは 1 つだけです。一覧は古くなることがあります",
    "packets were seen in one direction only": "パケットは一方向でしか確認されていません",
    "too little of the organisation is known yet to measure how rare this is": "これがどれほど珍しいかを測るには、組織についての情報がまだ足りません",
    "all resources together saw {n} times as many different sources as usual in this hour: the chance is by that": "この時間はすべてのリソースを合わせて、通常の {n} 倍の種類の送信元が確認されました。確率はそれを考慮したものです",
    "this hour only names and properties were looked at: no secret, key or certificate was read": "この時間に見られたのは名前とプロパティだけで、シークレット、キー、証明書は読み取られていません",
    "it was told in {n} of the {n_hours} hours before, from {when} on: nothing about it is new": "{when} 以降、直前の {n_hours} 時間のうち {n} 時間で既に通知されており、新しい点はありません",
    "this hour's '{title}' tells the whole of it, this is one part": "同じ時間の「{title}」が全体を伝えており、これはその一部です",
    "one of {n} at which it is new in this hour: the alert on {vault} tells of all": "この時間に新顔となった {n} か所の 1 つです。{vault} のアラートが全体を伝えています",
    # The catalogue
    "none: works from the first minute": "なし (最初の 1 分から働きます)",
    "{n} days": "{n} 日",
    "{n} days and {n_records} records": "{n} 日および {n_records} 件のレコード",
    "at once, completed at the hour's close": "すぐに通知し、1 時間の終わりに完成",
    "at the hour's close": "1 時間の終わり",
    # Pictures
    "{service} connections with one peer in an hour": "1 時間に 1 つの相手との {service} 接続",
    "{service} addresses in an hour": "1 時間の {service} のアドレス数",
    "seen": "観測",
    "usual": "通常",
    "usual here": "ここでの通常",
    "minutes": "分",
    "Places of activity (star: not usual for this person)": "操作元の場所 (星: 本人の普段の場所ではない)",
    "at most, in 99 of 100 such hours": "100 回中 99 回の上限",
    "other resources, on average": "他のリソースの平均",
    "other vaults, on average": "他のキー コンテナーの平均",
    "others": "その他",
    "record": "レコード",
    "The busiest peers: from the first connection to the last": "最も多い相手: 最初の接続から最後の接続まで",
    "Connections": "接続",
    "Operations in an hour": "1 時間の操作数",
    "of them more than their callers ever made": "うち呼び出し元の過去最多を超える分",
    "most until now, about": "これまでの最多 (約)",
    "most until now: fewer than 5, at most": "これまでの最多 (5 未満)",
    "Different key vaults within 24 hours": "24 時間の異なるキー コンテナー数",
    "in this hour, outside its regular ones": "うちこの時間の、普段のものでない分",
    "Different secrets that were read in ten minutes after a listing": "列挙後 10 分間に読み取られた異なるシークレット数",
    "most by this caller before": "この呼び出し元の過去最多",
    "most by anyone before": "全員の過去最多",
    "Share of the hour's operations": "この時間の操作の割合",
    "{what}: seen": "{what}: 観測",
    "{what}: usual": "{what}: 通常",
    "{what}: made": "{what}: 作成",
    "{what}: given": "{what}: 割り当て",
    "new: {what}": "新規: {what}",
    "Who uses the vault: days of the last weeks (old ones count less)": "キー コンテナーの利用者: 過去数週間の日数 (古い日は軽く数えます)",
    "Where the person acts from: hours of the last weeks (old ones count less)": "本人の操作元: 過去数週間の時間数 (古い時間は軽く数えます)",
    "Clients that the principal uses: share": "プリンシパルが使うクライアント: 割合",
    "The records that the alert names, by operation": "アラートが挙げるレコード (操作別)",
    "The vaults, when first reached (star: never before)": "キー コンテナーに最初に接続した時刻 (星: 初めて)",
    "The role": "ロール",
    "Days without any activity": "活動のない日数",
    "longest usual pause": "通常の最長の休止",
    "When it was seen": "観測された時刻",
    "Who acted where": "操作した場所",
}
PARTS: dict[str, str] = {
    **SIGN_IN_PARTS,
    "up to {n} km/h": "{n} km/h まで",
    "about 1 in {n}": "約 {n} 分の 1",
    "less than 1 in {n}": "{n} 分の 1 未満",
    "at {when} UTC": "{when} UTC",
    "from {when} UTC to {until} UTC": "{when} UTC から {until} UTC まで",
    "{list} and {n} more": "{list} ほか {n} 件",
    "application {id}": "アプリケーション {id}",
    "application": "アプリケーション",
    "user": "ユーザー",
    "pair": "組",
    "vault": "キー コンテナー",
    "principal": "プリンシパル",
    "resource": "リソース",
    "people": "人",
    "services": "サービス",
    "none": "なし",
    "gave": "割り当て済み",
    "tried to give": "拒否された",
    "up to about {n}": "最大約 {n}",
    "used": "を使いました",
    "was refused by": "に拒否されました",
    "fewer than {n}": "{n} 未満",
    "never as many as 5 secrets": "5 個に達したことはありません",
    "up to about {n} secrets": "最大約 {n} 個",
    "no country known": "不明な国",
    "no client known": "不明なクライアント",
    "{n} operation was": "{n} 件",
    "{n} operations were": "{n} 件",
    "{n} connection": "{n} 件",
    "{n} connections": "{n} 件",
    "{n} octet": "{n} バイト",
    "{n} octets": "{n} バイト",
    "{n} kind": "{n} 種類",
    "{n} kinds": "{n} 種類",
    "{n} web site": "{n} 個の Web サイト",
    "{n} web sites": "{n} 個の Web サイト",
    "{n} vault": "{n} 個のキー コンテナー",
    "{n} vaults": "{n} 個のキー コンテナー",
    "anonymous proxy": "匿名プロキシ",
    "tor exit node": "Tor 出口ノード",
    "anonymous proxy and tor exit node": "匿名プロキシおよび Tor 出口ノード",
    "tor exit node and anonymous proxy": "Tor 出口ノードおよび匿名プロキシ",
    "breadth": "操作の幅広さ",
    "storage keys": "ストレージ キー",
    "commands run on several machines": "複数のマシンでのコマンド実行",
    "short-lived runbook": "短命な Runbook",
    "name of 15 different letters": "異なる 15 文字の名前",
    "profile and settings of a site": "サイトのプロファイルと設定",
    "vault policy, dump, revert": "キー コンテナーのポリシー変更・吸い出し・復元",
    "a client of PowerShell": "PowerShell クライアント",
}
CHOICES = {
    "gave": "gave|tried to give",
    "used": "used|was refused by",
}  # what follows a name that may have several words
_NUMBER = r"[+-]?[\d,]*\.?\d+(?:e[+-]?\d+)?%?"
_LONGEST = 4_000  # letters: what is longer is no sentence of ours


def sentence(text: str) -> str:
    """A line of an explanation or a picture; as it is where we know no other words."""
    return _titles().get(text.lower()) or _said(text, SENTENCES)


def description(type_: str, text: str) -> str:
    """An alert's description."""
    detection = CATALOGUE.get(type_)
    if detection is None or type_ not in DESCRIPTIONS:
        return text
    return _put(text, detection.description, DESCRIPTIONS[type_]) or text


def _said(text: str, known: Mapping[str, str]) -> str:
    if text in known and "{" not in text:
        return known[text]
    if len(text) > _LONGEST:
        return text
    return next((said for one in known if "{" in one and (said := _put(text, one, known[one]))), text)


def _put(text: str, english: str, japanese: str) -> str:
    """`text` is `english` with values: `japanese` with the same; '' where it is not."""
    found = _pattern(english).fullmatch(text) if len(text) <= _LONGEST else None
    if found is None:
        return ""
    values = {name: phrase(value) for name, value in found.groupdict().items()}
    # Not by format(): what an alert says may look like a field.
    return "".join(said + (values[name] if name else "") for said, name, _ in _pieces(japanese))


@cache
def _pieces(template: str) -> list[tuple[str, str | None, str]]:
    """Its words, each with the value that follows them."""
    found = [(said, name, spec or "") for said, name, spec, _ in Formatter().parse(template)]
    return found if found and found[-1][1] is None else [*found, ("", None, "")]


def phrase(value: str) -> str:
    """What stands in a sentence or in the evidence; as it is where it is not made of words of ours."""
    low = value[:1].lower() + value[1:]  # at a sentence's beginning
    if (said := _said(low, PARTS)) != low:
        return said
    return ", ".join(PARTS.get(item) or _titles().get(item, item) for item in value.split(", "))


@cache
def _titles() -> dict[str, str]:
    return {one.title.lower(): TITLES[one.type] for one in CATALOGUE.values() if one.type in TITLES}


@cache
def _pattern(english: str) -> re.Pattern[str]:
    return re.compile("".join(_regex(english)), re.DOTALL)


def _regex(english: str) -> Iterator[str]:
    """Linear in time, whatever stands in an alert: a value ends at the first place where what follows it is met."""
    pieces = _pieces(english)
    seen: set[str] = set()
    yield re.escape(pieces[0][0])
    for place, (_, name, spec) in enumerate(pieces):
        if name is None:
            continue
        following, then = pieces[place + 1][:2] if place + 1 < len(pieces) else ("", None)
        following = re.escape(following) + (f"(?={CHOICES[then]})" if then in CHOICES else "")
        last = place + 2 >= len(pieces)
        value = f"(?P={name})" if name in seen else f"(?P<{name}>{_value(name, spec, last)})"
        seen.add(name)
        yield value + following if last or name in CHOICES else f"(?>{value}{following})"


def _value(name: str, spec: str, last: bool) -> str:
    if "|" in spec:
        return rf"[\d,]+ (?:{'|'.join(map(re.escape, spec.split('|')))})"
    if name in CHOICES:
        return CHOICES[name]
    if name == "n" or name.startswith("n_"):
        return _NUMBER
    return ".+" if last else ".+?"
