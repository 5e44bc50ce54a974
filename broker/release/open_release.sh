#!/bin/sh
# Open a release package and check everything in it that can be checked without asking the operator.
#
#   open_release.sh PACKAGE.age IDENTITY_FILE OPERATOR_CERT.pem OUTDIR
#
#   PACKAGE.age         the file downloaded from the operator
#   IDENTITY_FILE       the secret key of the recipient, as age-keygen wrote it
#   OPERATOR_CERT.pem   the operator's seal certificate, which you got from the operator over another channel
#   OUTDIR              a folder that does not exist yet; it is made only if every check passes
#
# Needs age, age-keygen, unzip, openssl (1.1.1 or later) and the ordinary tools of a POSIX system. No network.
#
# Exit status
#   0  every check passed; OUTDIR holds release.json, release.pdf and the signature
#   1  wrong use: an argument, file or program is missing, or OUTDIR exists
#   2  the file does not open: sealed to another key, cut short, or altered
#   3  it opens, but is not built as the operator's packages are
#   4  it was not signed with the operator's certificate
#   5  release.json or release.pdf is not the file that was signed
#   6  it is addressed to another key: its recipient passed it on
#   7  the operator's certificate was not valid at the time of issue

set -u
umask 077
LC_ALL=C
export LC_ALL

fail() {
    status=$1
    shift
    printf 'open_release: NOT ACCEPTED: %s\n' "$*" >&2
    exit "$status"
}

[ $# -eq 4 ] || {
    printf 'usage: open_release.sh PACKAGE.age IDENTITY_FILE OPERATOR_CERT.pem OUTDIR\n' >&2
    exit 1
}
package=$1 identity=$2 certificate=$3 outdir=$4

for program in age age-keygen unzip openssl awk sed cmp; do
    command -v "$program" >/dev/null 2>&1 || fail 1 "the program $program is missing; install it"
done
for file in "$package" "$identity" "$certificate"; do
    [ -f "$file" ] && [ -r "$file" ] || fail 1 "cannot read the file $file"
done

# The folder is ours from here on, and goes away again unless every check passes.
mkdir -- "$outdir" || fail 1 "cannot make the folder $outdir; name one that does not exist yet"
outdir=$(cd -- "$outdir" && pwd) || fail 1 "cannot enter the folder $outdir"
accepted=no
trap '[ "$accepted" = yes ] || rm -rf -- "$outdir"' EXIT
trap 'exit 130' HUP INT TERM
work=$outdir/.opening
files=$work/files
mkdir -- "$work" "$files" || fail 1 "cannot write to $outdir"
openssl x509 -in "$certificate" -out "$work/operator.pem" 2>/dev/null ||
    fail 1 "$certificate holds no PEM certificate"

# 1. Unseal. The exit status decides, because age may have written some bytes before it notices damage.
age --decrypt --identity "$identity" --output "$work/package.zip" "$package" 2>"$work/age.log" ||
    fail 2 "the package does not open with this key: $(sed -n '1s/^age: error: //p' "$work/age.log")"

# 2. The container holds these six entries in this order, uncompressed, and nothing else.
expected='mimetype
release.json
release.pdf
META-INF/ASiCManifest.xml
META-INF/signature.p7s
META-INF/padding'
[ "$(unzip -Z1 "$work/package.zip" 2>/dev/null)" = "$expected" ] ||
    fail 3 "the container does not hold exactly the entries it should"
[ "$(unzip -Z "$work/package.zip" 2>/dev/null | grep -c '^-.* stor ')" -eq 6 ] ||
    fail 3 "the container has compressed entries or entries that are no files"
unzip -q -d "$files" "$work/package.zip" >/dev/null 2>&1 </dev/null || fail 3 "the container is damaged"
[ "$(cat "$files/mimetype")" = application/vnd.etsi.asic-e+zip ] || fail 3 "this is no ASiC-E container"
[ "$(tr -d '\000' <"$files/META-INF/padding" | wc -c)" -eq 0 ] || fail 3 "the padding holds something"
manifest=$files/META-INF/ASiCManifest.xml

# 3. The operator's certificate, and no other, signed the manifest. Its validity is looked at in step 6, for the
#    time of issue: a release does not become false when the certificate expires.
openssl cms -verify -cades -binary -inform DER -in "$files/META-INF/signature.p7s" -content "$manifest" \
    -nointern -certfile "$work/operator.pem" -CAfile "$work/operator.pem" -partial_chain -no-CApath \
    -purpose any -no_check_time -out "$work/signed" >"$work/openssl.log" 2>&1 ||
    fail 4 "the signature over the manifest is not the operator's"
cmp -s "$work/signed" "$manifest" || fail 4 "the signature covers something else than the manifest"

# 4. The manifest names exactly our two files with their digests.
digest() {
    openssl dgst -sha256 -binary "$files/$1" | openssl base64 -A
}
signed_digest() {
    sed -n "/ URI=\"$1\" /,/DigestValue/s|^<ds:DigestValue>\\(.*\\)</ds:DigestValue>\$|\\1|p" "$manifest"
}
reference() {
    printf '<asic:DataObjectReference URI="%s" MimeType="%s">\n' "$1" "$2"
    printf '<ds:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/>\n'
    printf '<ds:DigestValue>%s</ds:DigestValue>\n</asic:DataObjectReference>\n' "$(digest "$1")"
}
for name in release.json release.pdf; do
    [ "$(digest "$name")" = "$(signed_digest "$name")" ] || fail 5 "$name is not the file that was signed"
done
{
    printf '<?xml version="1.0" encoding="UTF-8"?>\n'
    printf '<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/02918/v1.2.1#" '
    printf 'xmlns:ds="http://www.w3.org/2000/09/xmldsig#">\n'
    printf '<asic:SigReference URI="META-INF/signature.p7s" MimeType="application/pkcs7-signature"/>\n'
    reference release.json application/json
    reference release.pdf application/pdf
    printf '</asic:ASiCManifest>\n'
} >"$work/manifest"
cmp -s "$work/manifest" "$manifest" || fail 3 "the manifest lists something else than the files of this package"

# 5. The release inside is addressed to this very key. From here on release.json is what the operator signed, and
#    the operator writes one key to a line, indented by depth.
release=$files/release.json
value() {
    sed -n "s/^$1\"$2\": \"\\([^\"\\\\]*\\)\",\\{0,1\\}\$/\\1/p" "$release"
}
[ "$(value ' ' format)" = disclosure-release ] && grep -q '^ "version": [12],$' "$release" ||
    fail 3 "release.json has a form this script does not know; get a newer one from the operator"
named=$(value '  ' key_fingerprint)
mine=$(age-keygen -y "$identity" 2>/dev/null) ||
    fail 1 "cannot read the public key from $identity; if a passphrase protects it, remove that first"
addressed=no
for key in $mine; do
    [ "$(printf %s "$key" | openssl dgst -sha256 -r | cut -c 1-64)" = "$named" ] && addressed=yes
done
[ "$addressed" = yes ] || fail 6 "this release is addressed to another key: its recipient passed it on"

# 6. The operator's certificate was valid at the time of issue. openssl wants that time as seconds since 1970.
issued_at=$(value ' ' issued_at)
issued_seconds=$(printf '%s\n' "$issued_at" | awk -F '[-T:.Z]' '{
    # Days since 1970 in the Gregorian calendar, counting years from March so that a leap day ends its year.
    year = $1; month = $2
    if (month <= 2) { year -= 1; month += 12 }
    days = 365 * year + int(year / 4) - int(year / 100) + int(year / 400) + int((153 * (month - 3) + 2) / 5)
    printf "%.0f", (days + $3 - 719469) * 86400 + $4 * 3600 + $5 * 60 + $6
}')
openssl verify -attime "$issued_seconds" -partial_chain -no-CApath -CAfile "$work/operator.pem" \
    "$work/operator.pem" >/dev/null 2>&1 ||
    fail 7 "the operator's certificate was not valid at $issued_at, when this release says it was issued"

mv -- "$files"/* "$outdir/" && rm -rf -- "$work" && rm -f -- "$outdir/META-INF/padding" ||
    fail 1 "cannot write to $outdir"
accepted=yes

# A reader's summary; release.json and release.pdf say it in full.
awk '
function text(line) {
    sub(/^ *"[a-z0-9_.-]*": /, "", line)
    sub(/,$/, "", line)
    if (line !~ /^"/) return line
    line = substr(line, 2, length(line) - 2)
    gsub(/\\\\/, "\001", line); gsub(/\\n/, ", ", line); gsub(/\\"/, "\"", line); gsub(/\001/, "\\", line)
    return line
}
/^ "release_id": /       { printf "Release       %s\n", text($0) }
/^ "operator": /         { printf "From          %s\n", text($0) }
/^ "issued_at": /        { printf "Issued at     %s\n", text($0) }
/^  "organisation": /    { printf "To            %s\n", text($0) }
/^  "court": /           { printf "Order of      %s\n", text($0) }
/^  "file_number": /     { printf "File number   %s\n", text($0) }
/^  "issued_on": /       { printf "Order of day  %s\n", text($0) }
/^  "sha256": /          { printf "Order SHA-256 %s\n", text($0) }
/^ "notice": /           { notice = text($0) }
/^   "line": /           { printf "\nLine %s: ", text($0) }
/^   "address": /        { printf "%s", text($0) }
/^   "source_port": /    { if (text($0) != "null") printf " port %s", text($0) }
/^   "protocol": /       { if (text($0) != "null") printf " %s", toupper(text($0)) }
/^   "observed_at": /    { printf " at %s\n", text($0) }
/^   "outcome": /        { printf "  %s", text($0) }
/^   "reason": /         { printf " (%s)\n", text($0) }
/^   "subscriber": \{$/  { inside = 1; next }
inside && /^   \}/       { inside = 0 }
/^   "address_note": /   { if (text($0) != "") printf "  About the postal address: %s\n", text($0) }
inside                   { key = $0; sub(/^ *"/, "", key); sub(/": .*/, "", key); printf "  %s: %s\n", key, text($0) }
END                      { printf "\n%s\n", notice }
' "$outdir/release.json"
printf '\nAll checks passed. The files are in %s\n' "$outdir"
