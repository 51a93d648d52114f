"""What the catalogue says of each detection, in Japanese: how it judges, what its alerts say, which steps to take.

The alerts' own sentences are made from `Detection.description`; the values stand in the same braces here.
"""

from __future__ import annotations

_PEER_OUT = (
    "このリソースは 1 時間のうちに {peer} へ {service} 接続を {connections} 回行いました。1 つの相手への通常の接続は約 {usual} 回です。"
    "偶然に起こる確率は {odds} です。侵害され、相手のパスワードを推測している可能性があります。"
)
_MANY_OUT = (
    "このリソースは 1 時間のうちに {addresses} 個の異なるアドレスへ {service} 接続を行いました。通常は約 {usual} 個です。"
    "偶然に起こる確率は {odds} です。侵害され、他を攻撃している可能性があります。"
)
_PEER_IN = (
    "1 時間のうちに {peer} から {service} 接続が {connections} 回ありました。ここでは 1 つの送信元から約 {usual} 回が通常です。"
    "偶然に起こる確率は {odds} です。"
)
_MANY_IN = (
    "1 時間のうちに {addresses} 個の異なるアドレスから {service} 接続がありました。ここでは約 {usual} 個が通常です。"
    "偶然に起こる確率は {odds} です。"
)
DESCRIPTIONS: dict[str, str] = {
    **{f"network.{service}_outgoing": _PEER_OUT for service in ("ssh", "rdp")},
    **{f"network.{service}_outgoing_multiple": _MANY_OUT for service in ("ssh", "rdp")},
    **{f"network.{service}_incoming": _PEER_IN for service in ("ssh", "rdp")},
    **{f"network.{service}_incoming_multiple": _MANY_IN for service in ("ssh", "rdp")},
    "network.malicious_address": "このリソースは、脅威インテリジェンスが指令サーバー (C2) としている {peer} と通信しました。接続 {connections}、{octets}。",
    "management.microburst": "{name} は 15 分のうちに MicroBurst ツールキットと同じ動きをしました: {signs_text}。シークレットを明かす操作は {kinds_number}、接続元は {from} です。",
    "management.azurite": "{name} は Azurite ツールキットと同じ動きをしました。{sites_number}から発行プロファイルを 3 つずつ取得し、{vaults_number}をキーから順に読み出しました。接続元は {from} です。",
    "management.inactive_account": "{name} は {idle_days} 日間何もせず、その後 {from} から次の操作をしました: {did}。",
    "management.powershell": "ふだん {usual} を使う {name} が、{from} から PowerShell で次の操作をしました: {did}。",
    "management.persistence": "{name} は、1 週間以内に強い権限 ({actions}) で作られたカスタム ロール {role_name} を {grantee} に割り当てる操作をしました ({gave})。接続元は {from} です。",
    "management.infrequent_country": "ふだん {usual} から操作する {name} が、{country} から操作しました ({from}): {did}。",
    "management.anonymous_ip": "{name} は、{list_text} として登録されている {from} から操作しました: {did}。",
    "management.impossible_travel": "{name} は {from_country} から操作し、その {minutes} 分後に {km} km 離れた {to_country} から操作しました ({from} から {did})。",
    "key_vault.tor_access": "{who} は Tor を経由して {from} からキー コンテナー {entity} に接続しました。許可 {let_through}、拒否 {refused}。",
    "key_vault.policy_change_and_query": "{who} は {from} からキー コンテナー {entity} の利用権限を変更し、その後 1 時間以内に中身が列挙または読み取られました (シークレットとキー: {secrets_total})。",
    "key_vault.list_and_query": "{who} は {from} からキー コンテナー {entity} のシークレットを列挙し、10 分以内に {distinct_secrets} 個の異なるシークレットを読み取りました。",
    "key_vault.unusual_user_application_pair": "{who} は {from} から、ここでは他の人が使っていてもこのユーザーは使ったことのないアプリケーションでキー コンテナー {entity} {used}。触れたシークレットとキー: {secrets_total}。ここで新しい組が現れる確率は {odds} です。",
    "key_vault.unusual_application": "{who} は {from} からキー コンテナー {entity} {used}。これまでここを使ってきたアプリケーションではありません。触れたシークレットとキー: {secrets_total}。ここで新しいアプリケーションが現れる確率は {odds} です。",
    "key_vault.unusual_user": "{who} は {from} からキー コンテナー {entity} {used}。これまでここを使ってきたユーザーではありません。触れたシークレットとキー: {secrets_total}。ここで新しいユーザーが現れる確率は {odds} です。",
    "key_vault.unusual_operation_pattern": "キー コンテナー {entity} で 1 時間に行われた {operations_in_hour} 件の操作の内訳は、過去と異なります ({odds}、新しい部分だけでは {odds_of_what_is_new})。{strangest} が {seen_share} を占め、通常は {usual_share} です。新しい操作の多くは {who} によるもので、接続元は {from} です。",
    "key_vault.high_operation_volume": "キー コンテナー {entity} で 1 時間に {operations_in_hour} 件の操作がありました。この時間帯は約 {usual_at_this_hour} 件が通常です ({odds})。うち {operations_not_explained} 件は呼び出し元の過去最多を超える分で、多くは {who} によるものです。接続元は {from} です。",
    "key_vault.high_vault_access_volume": "{who} は {from} から 24 時間で {vaults_in_24_hours} 個のキー コンテナーに接続しました。この 1 時間の分のうち普段のものでないキー コンテナー: {never_before}。",
}

_COUNTED = (
    "許可された接続だけを数え、何度書き出されても 1 つのクライアント ポートを 1 接続とします。数は、リソース自身のゆっくり動く平均、組織の"
    "曜日・時間帯ごとの傾向、両者のばらつきによる負の二項分布と比べます。1 時間の終わりに確率を実測し (自分のモデルを同じほど驚かせた時間が"
    "全リソースの中で占める割合)、1e-05 を下回るとアラートになります。そのため、インターネットの背景にあるスキャンやその波ではアラートに"
    "なりません。毎時続くものは、増えない限り、2 日のうち 12 時間目から重大度を下げて伝えます。通常の揺らぎに埋もれる攻撃、サンプリングされた"
    "フローでの小さな攻撃、ロード バランサーの背後にいる相手は見えません。"
)
_NEWCOMER = (
    "成功したアクセスからは、新しいアプリケーション、新しいユーザー、新しい組のいずれか 1 つのアラートだけが出ます。ここで新顔がどれほど普通かも"
    "考慮します。毎日のように新しい ID が現れる場所では、もう 1 つ増えてもアラートになりません (Good-Turing 推定)。ただし、いくつもの"
    "シークレットを取る人は、1 つだけ取る人より高い確率でもアラートになります。拒否されただけの呼び出し元は 1 段階低いアラートに 1 度だけなり、"
    "プロパティを見ただけの場合や、ここでよく権限を与える人から権限を受けた場合は低いアラートになります。見知らぬ人とは言えない場合 (同じ別の"
    "キー コンテナーを使う人の多くがここも使う、または他の場所で同じアプリケーションを使っている) や、新顔がそれほど珍しくない場所で 1、2 個だけ"
    "取る場合も同様です。1 時間に 3 つ以上のキー コンテナーで新顔となった人は、多数のキー コンテナーのアラートか、最も起こりにくいもので 1 度だけ"
    "本来の重大度で伝え、他は 1 段階下げます。"
)
_OF_COUNTS = {
    "outgoing": "リソースから外部の 1 つのアドレスへの {service} 接続が異常に多いことを検出します。最も多い相手との 1 時間の接続数 ({port}) を見ます。",
    "outgoing_multiple": "リソースから異常に多くの外部アドレスへの {service} 接続を検出します。1 時間の異なる相手の数 ({port}) を見ます。",
    "incoming": "1 つの送信元からリソースへの {service} 接続が異常に多いことを検出します。最も多い相手との 1 時間の接続数 ({port}) を見ます。",
    "incoming_multiple": "異常に多くの異なる送信元 (ボットネット) からリソースへの {service} 接続を検出します。1 時間の異なる相手の数 ({port}) を見ます。",
}
EXPLANATIONS: dict[str, str] = {
    **{
        f"network.{service.lower()}_{way}": said.format(service=service, port=port) + _COUNTED
        for service, port in (("SSH", "ポート 22"), ("RDP", "ポート 3389"))
        for way, said in _OF_COUNTS.items()
    },
    "network.malicious_address": "リソースと、カテゴリ command_and_control のフィードにその時点で登録されているアドレスとの間で許可された通信を、ポートを問わず検出します。登録アドレスはスキャンもするため、パケット 1 つでは通信とみなさず、応答があったか、3 接続以上であることを求めます。最初の 1 分から働きます。精度はフィード次第で、単なるスキャナーの一覧では誤検知が出ます。",
    "management.microburst": "1 つのプリンシパルの 15 分間に現れる MicroBurst の特徴を見ます。シークレットを明かす操作の幅広さ (発行プロファイル、設定、レジストリ、ストレージ・データベース・クラスターのキー。人が使うのは 1、2 種類です)、多数のストレージ アカウントのキーの連続取得、数分のうちに作成・実行・削除される Runbook、キー コンテナーのポリシーの変更・吸い出し・復元、複数のマシンでのコマンド実行です。異なる 15 文字からなる名前は、変えやすいので弱い特徴として扱います。過去に何時間も見せた幅広さ (資産スキャナー) と、それより 1 種類多いだけのものは数えません。ストレージ アカウントのキーの読み取りだけなら低いアラートです。アクティビティ ログに読み取りは残らないため、閲覧権限だけの実行は見えません。",
    "management.azurite": "Azurite の特徴を見ます。同じサイトの発行プロファイル 3 つ (WebDeploy、FileZilla、FTP) を 1 分以内に、サイトを次々に変えて取得し、その間は何も書き込まず (デプロイする人は書き込みます)、その後キー コンテナーを次々に、シークレットより先にキーを列挙して読み取ります。最初の 1 分から働きます。閲覧権限だけの実行はプロファイルを取得せず、キー コンテナーのログにしか残りません。",
    "management.inactive_account": "ログが知っているプリンシパルのうち、45 日間何もせず、活動を再開した最初の日に、再侵入の足がかりになり得る操作 (権限、Runbook、Webhook、拡張機能、キー) をしたものを検出します。一度も見たことのないプリンシパルは「未知」であり「休眠」ではありません。そのプリンシパルにとって普通の休止はアラートになりません。休止期間と同じ長さの履歴が必要で、接続されたログの範囲しか見えません。",
    "management.powershell": "45 日間、または少なくとも 14 日・20 操作の既知の履歴の中で一度も PowerShell を使っていないプリンシパルが、再侵入の足がかりになり得る操作を PowerShell で行ったことを検出します。クライアントはトークンのアプリケーション ID で見分けるため、PowerShell の ID を借りるツールは PowerShell に見え、別の ID を借りるスクリプトはそう見えません。",
    "management.persistence": "強い権限 (すべて、権限を変える権限、マシンでのコマンド実行、キー) を持つカスタム ロールが定義され、7 日以内に同じまたは別のプリンシパルによって ID に割り当てられたことを検出します。定義だけではアラートにならず、拒否された割り当ては低いアラートです。最初の 1 分から働きます。レコードに要求本文がなければ権限が分からず、アラートになりません。",
    "management.infrequent_country": "本人も組織の誰も過去 90 日に操作していない国からの、人による成功した操作を検出します (この 1 日に同じ国へ行った他の人は数えません)。サービス プリンシパルには本拠の国がないため対象外です。7 日間学習します。国は呼び出し元アドレスを地理データベースで調べたもので、VPN の出口や携帯電話会社では誤ることがあります。",
    "management.anonymous_ip": "その時点でフィードに匿名プロキシまたは Tor 出口ノードとして登録されているアドレスからの管理操作を検出します。過去 30 日に組織の他の 3 人以上が使ったアドレスなら、誤登録か自社の VPN とみて保留します。最初の 1 分から働き、精度はフィード次第です。",
    "management.impossible_travel": "同じ人による 2 つの成功した操作が、500 km 以上 (かつ地理データベースの誤差以上) 離れた別の国で行われ、時速 900 km を超えなければ移動できないことを検出します。どちらも本人の普段の場所である場合、一方が VPN の出口である場合 (他の人のあり得ない移動もそこに集まります)、本人のものでない側を他の人も使う場合、他の人も両方の国から操作する場合は無視します。7 日間学習し、サービス プリンシパルは対象外です。",
    "key_vault.tor_access": "キー コンテナーの各イベントの呼び出し元アドレスを、その時点で有効だった Tor 出口ノードの一覧と照合します。一覧にない中継や、さらに別のプロキシを経由する Tor 利用者は見えません。",
    "key_vault.policy_change_and_query": "キー コンテナーのアクセス ポリシーの変更、またはアクティビティ ログでのロール割り当ての後、1 時間以内に、変更した本人か権限を与えられた者が中身を列挙または読み取ったことを検出します。これを定期的に行うデプロイや、新しい ID がこれを行うのが普通のキー コンテナーは対象外で、自分が書いたばかりのものを読み返すことは数えません。最初の 2 週間は、吸い出しの全体像 (権限の取得、列挙、5 個以上の読み取り、権限の再変更が 30 分以内) がそろったときだけ対象とします。後になって使われる権限や、キー コンテナーより広い範囲の権限は見えません。",
    "key_vault.list_and_query": "シークレットの列挙の後、同じ呼び出し元が 10 分以内に 8 個以上、または 1 分以内に 5 個の異なるシークレットを読み取ったことを検出します。キー コンテナーの吸い出しはこのように行われます。以前にも同程度に読み取った呼び出し元 (バックアップ、デプロイ) や、その種の新しい呼び出し元が普通のキー コンテナーは対象外です。最初の 2 週間は、キーも列挙した人だけを対象とします。ゆっくりした吸い出しや、名前を知っている呼び出し元によるものは見えません。",
    "key_vault.unusual_user_application_pair": "このキー コンテナーがどちらも知っているが、組み合わせとしては知らない人とアプリケーションを検出します。"
    + _NEWCOMER
    + "本人がいつも使う経路をたどる侵入者は見えません。",
    "key_vault.unusual_application": "このキー コンテナーが知らなかったアプリケーション (またはサービス プリンシパル) を検出します。"
    + _NEWCOMER
    + "キー コンテナーが知っているアプリケーションを使う侵入者は見えません。",
    "key_vault.unusual_user": "このキー コンテナーが知らなかった人が、知っているアプリケーションを通じて使ったことを検出します。"
    + _NEWCOMER
    + "キー コンテナーが知っている人になりすます侵入者は見えません。",
    "key_vault.unusual_operation_pattern": "1 時間の操作の種類の割合を、キー コンテナーの履歴と比べます。呼び出し元が同程度の数ではこれまで行っていない部分が、それだけで異常な場合に限りアラートになります。操作が少ない時間は判定しません。同じものが増えただけの場合は見えません。",
    "key_vault.high_operation_volume": "キー コンテナーの 1 時間の操作数を、自身の履歴および曜日のリズムと比べます。その操作をそれほど多く行ったことのない呼び出し元が超過の大半を占める場合に限りアラートになるため、月末のバッチやキーのローテーションは多くても 1 度しかアラートになりません。毎時続くものは、増えない限り、2 日のうち 12 時間目から重大度を下げて伝えます。ゆっくりした持ち出しや、いつも忙しい呼び出し元によるものは見えません。",
    "key_vault.high_vault_access_volume": "ユーザーまたはアプリケーションが 24 時間に接続した異なるキー コンテナーの数を、自身の履歴と比べます。履歴がなければ他のすべてと比べます。毎晩すべてを訪れるスキャナーは履歴から正常とみなされます。拒否された試みは 1 段階低いアラートとし、監査のように名前とプロパティだけを見る場合も同様です。1 日に少しずつ訪れる者は見えません。",
}

STEPS: dict[str, str] = {
    "Isolate the machine: deny its outgoing traffic with a rule of the network security group, keep it running for forensics.": "マシンを隔離します。ネットワーク セキュリティ グループの規則で送信通信を拒否し、フォレンジックのため稼働させたままにします。",
    "Find the process that makes the connections, and how it came there: running processes, scheduled tasks, recent sign-ins.": "接続しているプロセスと、それがどう入り込んだかを調べます (実行中のプロセス、スケジュールされたタスク、最近のサインイン)。",
    "Change the passwords, keys and managed identity grants that were on the machine, and look for their use elsewhere.": "マシンにあったパスワード、キー、マネージド ID の権限を変更し、他の場所で使われていないか調べます。",
    "Scan the machine for malware and rebuild it from a known image; tell the owner of the attacked address if you can.": "マシンをマルウェア スキャンし、既知のイメージから再構築します。可能なら、攻撃されたアドレスの所有者に知らせます。",
    "Look whether one of the attempts succeeded: sign-in logs of the machine around last_seen, new accounts, keys and processes.": "試行が成功していないか調べます (最終確認時刻前後のマシンのサインイン ログ、新しいアカウント、キー、プロセス)。",
    "Close the port to the internet: a rule of the network security group for known addresses alone, just-in-time access, or a bastion.": "ポートをインターネットから閉じます (既知のアドレスだけを許すネットワーク セキュリティ グループの規則、Just-In-Time アクセス、または Bastion)。",
    "Use keys (SSH) or network level authentication with multi-factor sign-in (RDP), and lock accounts out after failed attempts.": "鍵 (SSH) または多要素サインイン付きのネットワーク レベル認証 (RDP) を使い、失敗が続いたアカウントはロックします。",
    "If an attempt succeeded: isolate the machine, change the passwords and keys that were on it, rebuild it.": "試行が成功していた場合は、マシンを隔離し、そこにあったパスワードとキーを変更し、再構築します。",
    "Isolate the machine: deny its traffic with a rule of the network security group, keep it running for forensics.": "マシンを隔離します。ネットワーク セキュリティ グループの規則で通信を拒否し、フォレンジックのため稼働させたままにします。",
    "Find the process that talks to the address, and when it was installed.": "そのアドレスと通信しているプロセスと、それがいつ導入されたかを調べます。",
    "Look in other logs (DNS, proxy, other machines) for the same address.": "他のログ (DNS、プロキシ、他のマシン) に同じアドレスがないか調べます。",
    "Scan the machine for malware, change the credentials that were on it, rebuild it from a known image.": "マシンをマルウェア スキャンし、そこにあった資格情報を変更し、既知のイメージから再構築します。",
    "If the address is a service that you use, take it out of the feed and say so to its maintainer.": "そのアドレスが自社で使うサービスなら、フィードから外し、フィードの管理者に伝えます。",
    "Ask the principal whether a test was agreed on; if not, revoke its sessions and disable it.": "合意されたテストかどうかをプリンシパルに確認します。そうでなければ、セッションを取り消して無効にします。",
    "Rotate every key, password and profile that was revealed: the records name the resources.": "明かされたすべてのキー、パスワード、プロファイルをローテーションします。対象のリソースはレコードにあります。",
    "Delete runbooks, jobs, policies and role assignments that were made; look for webhooks and schedules.": "作成された Runbook、ジョブ、ポリシー、ロールの割り当てを削除し、Webhook とスケジュールも調べます。",
    "Read the data-plane logs of the accounts whose keys were listed for use from unknown addresses.": "キーを取得されたアカウントのデータ プレーン ログで、未知のアドレスからの利用を調べます。",
    "Review who has rights to list keys; prefer Entra authentication to keys.": "キーを取得できる権限を持つ人を見直し、キーより Entra 認証を優先します。",
    "Reset the publishing credentials of the sites named in the evidence.": "証拠に挙がったサイトの発行資格情報をリセットします。",
    "Rotate the keys and secrets of the vaults that were read.": "読み取られたキー コンテナーのキーとシークレットをローテーションします。",
    "Look for deployments to the sites since then, and for sign-ins with what was read.": "それ以降のサイトへのデプロイと、読み取られた情報によるサインインを調べます。",
    "Ask the account's owner, by another way than the account, whether it was them.": "本人の操作かどうかを、そのアカウント以外の手段で所有者に確認します。",
    "If not: revoke its sessions, reset its credentials, disable it.": "本人でなければ、セッションを取り消し、資格情報をリセットし、無効にします。",
    "Undo what the records name: role assignments, runbooks, webhooks, extensions.": "レコードにある変更 (ロールの割り当て、Runbook、Webhook、拡張機能) を元に戻します。",
    "Look for other accounts that nobody uses, and remove them.": "誰も使っていない他のアカウントを探し、削除します。",
    "Ask the principal whether it was them, and why in PowerShell.": "本人の操作か、なぜ PowerShell なのかをプリンシパルに確認します。",
    "If not: revoke its sessions, reset its credentials, look at the device that the token came from.": "本人でなければ、セッションを取り消し、資格情報をリセットし、トークンの発行元の端末を調べます。",
    "Undo what the records name: extensions, webhooks, runbooks, assignments.": "レコードにある変更 (拡張機能、Webhook、Runbook、割り当て) を元に戻します。",
    "Allow PowerShell by conditional access only to those who need it.": "条件付きアクセスで、PowerShell を必要な人だけに許可します。",
    "Ask whoever made the role and whoever gave it what it is for.": "ロールを作った人と割り当てた人に、その目的を確認します。",
    "If nobody knows: remove the assignment, then the role definition.": "誰も知らなければ、割り当てを、次にロールの定義を削除します。",
    "Look at what the identity did with it, and remove its credentials.": "その ID がロールで何をしたかを調べ、資格情報を削除します。",
    "Review who may write role definitions and assignments.": "ロールの定義と割り当てを書き込める人を見直します。",
    "Ask the person, by another way, whether they are travelling or use a VPN.": "出張中か、VPN を使っているかを、別の手段で本人に確認します。",
    "If not: revoke sessions, reset the password, look for new sign-in methods.": "そうでなければ、セッションを取り消し、パスワードをリセットし、新しいサインイン方法が追加されていないか調べます。",
    "Look at what was done from that address, by anybody.": "そのアドレスから行われた操作を、誰のものであれ調べます。",
    "If the organisation never works from there, block the country by conditional access.": "組織がその国から業務を行わないなら、条件付きアクセスで国をブロックします。",
    "Ask the principal, by another way, whether it was them and why.": "本人の操作か、その理由は何かを、別の手段でプリンシパルに確認します。",
    "If not: revoke sessions, reset credentials, undo what the records name.": "本人でなければ、セッションを取り消し、資格情報をリセットし、レコードにある変更を元に戻します。",
    "Block anonymous addresses by conditional access.": "条件付きアクセスで匿名アドレスをブロックします。",
    "Ask the person, by another way, which of the two it was.": "どちらが本人の操作かを、別の手段で本人に確認します。",
    "Revoke sessions and reset credentials if one of them was not; look for new sign-in methods.": "どちらかが本人でなければ、セッションを取り消して資格情報をリセットし、新しいサインイン方法が追加されていないか調べます。",
    "Look at what was done from the address that is not theirs.": "本人のものでないアドレスから行われた操作を調べます。",
    "If it was a VPN, it is learned once several people use it.": "VPN だった場合、複数の人が使えば学習されます。",
    "Find out who the caller is: ask the owner of the account or application whether this was theirs, and look at where its last sign-ins came from.": "呼び出し元を突き止めます。アカウントまたはアプリケーションの所有者に自分の操作かどうかを確認し、直近のサインイン元を調べます。",
    "If nobody can vouch for it, cut it off: close the vault's firewall to the address, take the caller's access policy or role assignment on the vault away, end its sessions and replace its credentials.": "誰も保証できなければ遮断します。キー コンテナーのファイアウォールでアドレスを閉じ、呼び出し元のアクセス ポリシーまたはロールの割り当てを外し、セッションを終了させ、資格情報を交換します。",
    "Take the list of secrets in this alert, and look in the vault's audit log for others that it read.": "このアラートのシークレットの一覧を手に、キー コンテナーの監査ログで、ほかに読み取られたものを調べます。",
    "Rotate each secret, key and certificate that was read, there and where it is used, and watch the systems that they open for log-ins with the old ones.": "読み取られたシークレット、キー、証明書を、保管先と利用先の両方でローテーションし、古いものによるログインがないか対象システムを監視します。",
    "Look at the change: who was given which rights on the vault, and whether there is a ticket for it.": "変更の内容を確認します。誰にどの権限が与えられたか、そのための申請があるかを調べます。",
    "If nobody can vouch for it, take the grant back, end the sessions of who made it and of who was given it, replace their credentials, and look for other grants that they made.": "誰も保証できなければ、権限を取り消し、与えた者と受けた者のセッションを終了させ、資格情報を交換し、ほかに与えた権限がないか調べます。",
    "Go through the vaults in this alert, those never reached before first: list what was read in each.": "このアラートのキー コンテナーを、初めて接続されたものから順に確認し、それぞれで何が読み取られたかを書き出します。",
}
