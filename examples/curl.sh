#!/bin/sh
# The input API with curl: a file, a submission, and what became of them.
#
#   REMESSA_URL=http://127.0.0.1:8080 REMESSA_TOKEN=rk_… sh examples/curl.sh debts.csv
#
# Prints the state of both batches, the retorno of the file and the debts of one CPF.
set -eu
url=${REMESSA_URL:-http://127.0.0.1:8080}
file=$1

api() {
  curl --silent --show-error --fail-with-body --header "Authorization: Bearer $REMESSA_TOKEN" "$@"
}

# The value of the first member with this name, where it is text.
member() {
  tr '{,' '\n\n' | sed -n "s/^\"$1\":\"\([^\"]*\)\".*/\1/p" | head -n 1
}

finished() {
  # The stream ends with the batch.
  api --no-buffer "$url/v1/batches/$1/events" | sed -n 's/^event: end$/end/p' | grep -q end
  api "$url/v1/batches/$1" | member state
}

# A file in one request. The Idempotency-Key makes it safe to send again; the checksum proves what came.
sum=$(sha256sum "$file" | cut -d' ' -f1)
batch=$(api --request POST --header 'Content-Type: text/csv' --header "X-Checksum-SHA256: $sum" \
  --header "Idempotency-Key: file-$sum" --data-binary "@$file" "$url/v1/files?file=debts.csv" | member id)
echo "file $(finished "$batch")"
api --compressed "$url/v1/batches/$batch/retorno"

# Lines, one by one or many at a time, submitted as one file.
submission=$(api --request POST "$url/v1/submissions" | member id)
api --request POST --header 'Content-Type: application/json' --output /dev/null \
  --data '{"external_ref":"CT-9001","debtor_name":"Maria Silva","cpf":"529.982.247-25","amount":"1234.56","due_date":"2026-03-10"}' \
  "$url/v1/submissions/$submission/lines"
batch=$(api --request POST "$url/v1/submissions/$submission/submit" | member id)
echo "submission $(finished "$batch")"

# The debts of one CPF: in a body, so that it stands in no log of URLs.
api --request POST --header 'Content-Type: application/json' --data '{"cpf":"529.982.247-25"}' "$url/v1/debts/search"
echo
