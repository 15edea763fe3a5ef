"""Secrets that a shell gives to the input of a command: by a pipe, a here-string, a substitution."""

from __future__ import annotations

from midwatch.redaction.contexts import Value, row

_READER = (
    rb"(?:kinit|kadmin|ksu|sudo\b[^\n|]{0,80} "
    rb"-\w*s|passwd|smbpasswd|vncpasswd|htpasswd|mkpasswd|cryptsetup|veracrypt|kubeseal"
    rb"|ssh-add|sshpass|openssl passwd|zfs (?:load-key|create)|gpg2?\b[^\n|]*passphrase-fd|gh (?:secret set|auth login)"
    rb"|glab auth login|(?:docker|podman) secret create|gcloud secrets|wrangler secret|vercel env add"
    rb"|circleci context store-secret|ansible-vault encrypt_string|(?:elasticsearch|opensearch|logstash)-keystore add"
    rb"|secret-tool store|op signin|lpass login|bw (?:login|unlock)|pass insert|vault (?:login|operator unseal)"
    rb"|rclone obscure|cargo login|doctl auth init|heroku auth|keyctl padd|systemd-creds encrypt|systemd-ask-password"
    rb"|slappasswd|aws secretsmanager|pveum|argocd login|[\w./-]+\b[^\n|]{0,100}--(?:password|pass)-?stdin)\b"
)
"""Commands that take a secret from their standard input."""
_PRINTS = rb"(?:echo|printf)[ \t]+(?:-\w+[ \t]+)*(?:[\"']?%s(?:\\n)?[\"']?[ \t]+)?"
_WORD = rb"(?:\"[^\"\n]{1,256}\"|'[^'\n]{1,256}'|[^\s|\"';&<>]{1,256})"
_SUDO = rb"(?:sudo[ \t]+(?:-\w+[ \t]+)*)?(?:[\w./-]*/)?"

INPUTS = (
    row(
        "secret piped to a command",
        "kinit(1), sudo(8), cryptsetup(8), docker login",
        "echo |printf ",
        _PRINTS + rb"(?=" + _WORD + rb"[ \t]*\|[ \t]*" + _SUDO + _READER + rb")",
        Value.WORD,
    ),
    row(
        "name and password piped to chpasswd",
        "chpasswd(8)",
        "echo |printf ",
        _PRINTS + rb"(?=[\"']?[^\s|\"':]{1,64}:[^|\"'\n]{1,256}[\"']?[ \t]*\|[ \t]*" + _SUDO + rb"chpasswd)",
        Value.USER_AND_PASSWORD,
    ),
    row(
        "here-string",
        "bash(1), kinit(1)",
        "<<<",
        rb"<<<[ \t]*(?=\S)",
        Value.WORD,
        before=rb"(?:^|[\s/\"'`;|&(])" + _READER + rb"[^\n;|]*",
    ),
    row(
        "here-string for chpasswd",
        "chpasswd(8)",
        "chpasswd",
        rb"chpasswd[^\n<]*(?:<<<[ \t]*|<<-?[ \t]*[\"']?\w+[\"']?\r?\n)(?=\S)",
        Value.USER_AND_PASSWORD,
    ),
    row(
        "process substitution",
        "bash(1), rsync(1)",
        "<(echo |<(printf ",
        rb"<\(" + _PRINTS + rb"(?=[^\s)])",
        Value.WORD,
        before=rb"(?:pass|secret|token|key|cred|auth|data)[\w-]*(?:[ \t]+|=)(?:file:|@)?",
    ),
    row(
        "command that prints the password",
        "restic, borg(1), msmtp(1)",
        "echo |printf ",
        _PRINTS + rb"(?=\S)",
        Value.WORD,
        before=rb"(?:pass(?:word|phrase|wd)?[_-]?(?:command|cmd|eval)|passcommand)[\"']?[ \t]*[=:]?[ \t]*[\"']?",
    ),
)
