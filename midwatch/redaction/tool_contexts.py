"""Commands of one tool each in which a secret stands, beside options that name it."""

from __future__ import annotations

from midwatch.redaction.contexts import Test, Value, command, row

_NAME = (
    rb"\S{0,128}(?:pass(?:word|wd|phrase)?|secret|token|(?:api|access|private)[_-]?key|credential|auth)s?[\w.-]{0,64}"
)
_OPTIONS = rb"(?:[ \t]+-\S+){0,9}+[ \t]+"

TOOLS = (
    # stores of secrets and settings
    row(
        "key and value",
        "Consul: kv put, etcdctl(1), Redis: SET",
        "kv put |etcdctl put |etcdctl set ",
        rb"(?:kv|etcdctl) (?:put|set)" + _OPTIONS + _NAME + rb"[ \t]+(?=[^\s@-])",
        Value.WORD,
        Test.TOKEN,
    ),
    row(
        "vault kv put",
        "HashiCorp Vault: kv put",
        "vault kv p",
        rb"vault kv (?:put|patch)" + _OPTIONS + rb"\S+[ \t]+[\w.-]+=(?!-\W)(?=[^\s@])",
        Value.WORD,
        Test.TOKEN,
    ),
    row(
        "secrets set",
        "Doppler, Fly.io, Supabase: secrets set",
        "secrets set ",
        rb"secrets set" + _OPTIONS + rb"[\w.]+[= ][ \t]*(?=[^\s-])",
        Value.WORD,
        Test.TOKEN,
    ),
    row(
        "gh secret set",
        "GitHub CLI: gh secret set",
        "gh secret set ",
        rb"gh secret set\b[^\n|;&]{0,200}?[ \t](?:--body|-b)[ \t=]+(?=\S)",
        Value.WORD,
    ),
    row(
        "setting of a tool",
        "npm, netlify, dotnet, WP-CLI, Pulumi: set",
        "env:set |variable set |config set |user-secrets set |poetry config |composer config ",
        rb"(?:env:set|variable set|config set|user-secrets set|poetry config|composer config)"
        + _OPTIONS
        + _NAME
        + rb"[ \t]+(?=[^\s-])",
        Value.WORD,
        Test.TOKEN,
    ),
    row(
        "name and password of an index",
        "Poetry, Composer: http-basic",
        "http-basic.",
        rb"http-basic\.\S{1,64}[ \t]+\S{1,64}[ \t]+(?=[^\s-])",
        Value.WORD,
    ),
    row(
        "value of a secret",
        "Azure CLI: keyvault secret set, AWS CLI: ssm put-parameter",
        "--value",
        rb"--value[= \t]+(?=\S)",
        Value.WORD,
        Test.TOKEN,
        rb"(?:secret(?:s|:)?[ ]?(?:set|create)|put-parameter[^\n]*SecureString)\b[^\n]*\s",
    ),
    row(
        "value of a secret",
        "AWS CLI: ssm put-parameter",
        "put-parameter",
        rb"put-parameter\b[^\n]{0,200}?--value[= \t]+(?=\S[^\n]{0,200}SecureString)",
        Value.WORD,
    ),
    row(
        "rclone",
        "rclone: config create",
        "rclone config ",
        rb"rclone config (?:create|update|password)\b[^\n|;&]{0,200}?[ \t](?:pass\w*|\w*secret\w*|token|key)[ =](?=\S)",
        Value.WORD,
    ),
    # tokens and passwords as the argument
    row(
        "log-in by an argument",
        "Cargo, Weights & Biases, Snyk, ngrok, rclone, Bitwarden",
        "cargo login |wandb login |snyk auth |ngrok authtoken |add-authtoken |rclone obscure |bw unlock |op signin ",
        rb"(?:cargo login|wandb login|snyk auth|ngrok authtoken|add-authtoken|rclone obscure|bw unlock|op signin)"
        + _OPTIONS
        + rb"(?=[^\s-])",
        Value.WORD,
        Test.PASSWORD,
    ),
    row(
        "hash of a password",
        "openssl-passwd(1), mkpasswd(1)",
        "openssl passwd|mkpasswd",
        rb"(?:openssl passwd|mkpasswd)(?:[ \t]+-(?:salt|m|S|R|-method|-salt|-rounds)[ \t=]+\S+|[ "
        rb"\t]+-[\w=-]+){0,9}+[ \t]+"
        rb"(?=[^\s|;&<>)-])",
        Value.WORD,
        Test.PASSWORD,
    ),
    row(
        "new password of a user",
        "mysqladmin(1), drush, Salt, virsh(1), Neo4j, MinIO, mosquitto_passwd(1), etcdctl(1)",
        "mysqladmin|user:password |upwd |set_password |set-initial-password |admin user add |mosquitto_passwd",
        rb"(?:mysqladmin\b[^\n|;&]{0,120}?[ "
        rb"\t]password|set-initial-password|(?:user:password|upwd|set_password)[ \t]+\S+"
        rb"|admin user add[ \t]+\S+[ \t]+\S+|mosquitto_passwd[ \t]+-b[ \t]+\S+[ \t]+\S+)[ \t]+(?=[^\s-])",
        Value.WORD,
        Test.PASSWORD,
    ),
    row(
        "etcdctl user add", "etcdctl(1)", "etcdctl user add ", rb"etcdctl user add[ \t]+(?=\S)", Value.USER_AND_PASSWORD
    ),
    row("ipmitool", "ipmitool(1)", "user set password ", rb"user set password[ \t]+\d+[ \t]+(?=\S)", Value.WORD),
    row(
        "b2",
        "Backblaze B2: authorize-account",
        "authorize-account ",
        rb"authorize-account[ \t]+\S+[ \t]+(?=\S)",
        Value.WORD,
    ),
    row("keyctl", "keyctl(1)", "keyctl add ", rb"keyctl add[ \t]+\S+[ \t]+\S+[ \t]+(?=\S)", Value.WORD),
    row("oathtool", "oathtool(1)", "oathtool ", rb"oathtool" + _OPTIONS + rb"(?=[^\s-])", Value.WORD, Test.MIXED),
    row("wpa_passphrase", "wpa_passphrase(8)", "wpa_passphrase ", rb"wpa_passphrase[ \t]+\S+[ \t]+(?=\S)", Value.WORD),
    row(
        "nmcli",
        "nmcli(1)",
        "password |psk ",
        rb"(?:password|psk)[ \t]+(?=[^\s-])",
        Value.WORD,
        before=command(rb"nmcli") + rb"(?:[\w-]+\.)?",
    ),
    row("smbclient", "smbclient(1)", "smbclient ", rb"smbclient[ \t]+//\S+[ \t]+(?=[^\s-])", Value.WORD),
    row("credentials of a mount", "mount.cifs(8)", "username=", rb"username=[^\s,%=/&\"']{1,64}%(?=\S)", Value.WORD),
    row(
        "Db2",
        "Db2: CONNECT",
        "using ",
        rb"using[ \t]+(?=\S)",
        Value.WORD,
        before=rb"\bconnect to\b[^\n]*\buser[ \t]+\S+[ \t]+",
    ),
    row("pdftk", "pdftk(1)", "_pw ", rb"_pw[ \t]+(?=\S)", Value.WORD, before=rb"\s(?:input|owner|user)"),
    row("QEMU", "qemu(1)", "secret,id=", rb"secret,id=[^,\s]+(?:,format=raw)?,data=(?=\S)", Value.WORD),
    row("Erlang", "erl(1)", "-setcookie ", rb"-setcookie[ \t]+(?=\S)", Value.WORD),
    row(
        "expdp without a host",
        "Oracle: SQL*Plus",
        "sqlplus|impdp|expdp|sqlldr",
        rb"(?:sqlplus|impdp|expdp|sqlldr)(?:[ \t]+-\w+)*[ \t]+[\w$#]+/(?=[^\s@/]+(?:\s|$))",
        Value.WORD,
    ),
    # short options
    row(
        "-p of more",
        "useradd(8), twine, cypher-shell, security(1)",
        "-p",
        rb"-p[ \t]+(?=[^\s-])",
        Value.WORD,
        Test.PASSWORD,
        command(
            rb"useradd|usermod|racadm|rdesktop|twine|ncftp\w*|check_mysql\w*|elasticsearch-users|cypher-shell|turnadmin"
            rb"|veracrypt|security (?:unlock-keychain|create-keychain)|az login|impala-shell|beeline|ilorest"
        ),
    ),
    row(
        "-p of more, glued",
        "docker login, rar(1)",
        "-p|-hp",
        rb"-h?p(?=[^\s=-])",
        Value.WORD,
        Test.PASSWORD,
        command(rb"(?:docker|podman)\b[^\n|;&]* login|(?:un)?rar"),
    ),
    row(
        "-s",
        "ldappasswd(1), slappasswd(8), check_nt",
        "-s ",
        rb"-s[ \t]+(?=[^\s-])",
        Value.WORD,
        before=command(rb"ldappasswd|slappasswd|check_nt"),
    ),
    row(
        "community",
        "snmpcmd(1), check_snmp",
        "-c ",
        rb"-c[ \t]+(?!public\b)(?=[^\s-])",
        Value.WORD,
        before=command(rb"snmp\w+|check_snmp"),
    ),
    row(
        "-w of a keychain",
        "security(1)",
        "-w ",
        rb"-w[ \t]+(?=[^\s-])",
        Value.WORD,
        before=command(rb"security add-\w+-password"),
    ),
    row(
        "-k of NuGet, -K of ccrypt",
        "dotnet nuget push, ccrypt(1)",
        "-k ",
        rb"-k[ \t]+(?=[^\s-])",
        Value.WORD,
        Test.MIXED,
        command(rb"nuget|ccrypt|ccencrypt|ccdecrypt"),
    ),
    row("-t of Codecov", "Codecov", "-t ", rb"-t[ \t]+(?=[^\s-])", Value.WORD, Test.MIXED, command(rb"codecov\w*")),
    row(
        "-hmac of OpenSSL",
        "openssl-dgst(1), openssl-s_client(1)",
        "-hmac |-psk ",
        rb"-(?:hmac|psk)[ \t]+(?=[^\s-])",
        Value.WORD,
        before=command(rb"openssl"),
    ),
    row(
        "-ap of swaks",
        "swaks(1), sendEmail",
        "-ap |-xp ",
        rb"-[ax]p[ \t]+(?=[^\s-])",
        Value.WORD,
        before=command(rb"swaks|sendemail"),
    ),
    row(
        "-y of nsupdate",
        "nsupdate(1), dig(1)",
        "-y ",
        rb"-y[ \t]+(?:hmac-[\w-]+:)?[\w.-]+:(?=[A-Za-z0-9+/=]{8})",
        Value.WORD,
        before=command(rb"nsupdate|k?dig|delv|host"),
    ),
    row(
        "-a name:password",
        "HTTPie, check_http, Jenkins CLI",
        "-a |-auth ",
        rb"-a(?:uth)?[ \t]+(?=[^\s-])",
        Value.USER_AND_PASSWORD,
        before=command(rb"https?|xh|check_http|jenkins-cli[\w.]*"),
    ),
    row(
        "-u among other letters",
        "curl(1)",
        "curl ",
        rb"curl\b[^\n|;&]{0,200}?[ \t]-[a-zA-Z#]{1,6}u[ \t]+(?=[^\s-])",
        Value.USER_AND_PASSWORD,
    ),
    row(
        "password of a certificate",
        "curl(1)",
        "curl ",
        rb"curl\b[^\n|;&]{0,200}?[ \t](?:--(?:proxy-)?cert|(?-i:-E))[ \t=]+(?=[^\s:]+:[^\s:/])",
        Value.USER_AND_PASSWORD,
    ),
    row("session of Bitwarden", "Bitwarden CLI", "--session ", rb"--session[ \t]+(?=[A-Za-z0-9+/=]{40})", Value.WORD),
)
