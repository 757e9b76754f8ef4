#!/bin/sh
# An executor in a shell: executor.sh TASK COMMAND [ARGUMENT...]
#
# Shows the life of an executor with curl and jq: it asks for the open tasks of one name, says
# "started" for each, runs COMMAND with the task's CloudEvent on stdin, and says "finished": with pass
# if COMMAND ended with status 0, else with fail. The last line that COMMAND prints is the message.
# Reports have the same ids after a restart, so that what is said twice counts once.
# Leaves out: several tasks at once, and stopping the work when a task is no longer open.
#
# From the environment: SEQUENCECTL_ENDPOINT (http://127.0.0.1:8080), SEQUENCECTL_TOKEN (none),
# SEQUENCECTL_SOURCE, its own name (TASK-service), SEQUENCECTL_POLL, seconds between two looks (2).
set -eu

complain() {
  printf 'executor.sh: %s\n' "$*" | LC_ALL=C tr -cd '[:print:]\n' >&2
}

if [ $# -lt 2 ]; then
  complain 'usage: executor.sh TASK COMMAND [ARGUMENT...]'
  exit 2
fi
task=$1
shift
endpoint=${SEQUENCECTL_ENDPOINT:-http://127.0.0.1:8080}
endpoint=${endpoint%/}
source=${SEQUENCECTL_SOURCE:-$task-service}
poll=${SEQUENCECTL_POLL:-2}
case $task in
  '' | *[!A-Za-z0-9_-]*) complain "the name of a task has letters, digits, - and _: $task" && exit 2 ;;
esac
case $endpoint in
  http://?* | https://?*) ;;
  *) complain "the endpoint must begin with http:// or https://: $endpoint" && exit 2 ;;
esac
case ${SEQUENCECTL_TOKEN:-} in
  *[![:print:]]*) complain 'no header can carry this token' && exit 2 ;;
esac

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The token goes by a file that nobody else can read: an argument would show in the list of processes.
if [ -n "${SEQUENCECTL_TOKEN:-}" ]; then
  printf 'x-token: %s\n' "$SEQUENCECTL_TOKEN" >"$folder/headers"
else
  : >"$folder/headers"
fi
: >"$folder/over"
is_away=false

# Sends a request with these arguments of curl; the body of the answer goes to the file "answer".
# Returns 0 for a success, 1 if the request may be sent again later, 2 if the controller refuses it.
ask() {
  if status=$(curl --silent --show-error --max-time 30 --header "@$folder/headers" \
    --output "$folder/answer" --write-out '%{http_code}' "$@" 2>"$folder/error"); then
    case $status in
      2??) is_away=false && return 0 ;;
      408 | 429) printf 'it answered %s\n' "$status" >"$folder/error" ;;
      4??)
        complain "the controller refuses: $(jq -r '.message // empty' "$folder/answer" 2>/dev/null || true) ($status)"
        return 2
        ;;
      *) printf 'it answered %s\n' "$status" >"$folder/error" ;;
    esac
  fi
  $is_away || complain "the controller gives no answer: $(cat "$folder/error"); trying again"
  is_away=true
  return 1
}

# Asks as `ask` does, until there is an answer.
insist() {
  while :; do
    code=0
    ask "$@" || code=$?
    [ "$code" -eq 1 ] || return "$code"
    sleep "$poll"
  done
}

# Reports a word on the task whose CloudEvent is in the file "task", with more data as JSON.
report() {
  jq --arg word "$1" --arg source "$source" --argjson said "$2" '
    (.data | {project, stage, service}) as $scope | {
      specversion: "1.0", id: "\(.id)-\($word)-\($source)", source: $source,
      type: (.type | rtrimstr("triggered") + $word), datacontenttype: "application/json",
      shkeptncontext: .shkeptncontext, triggeredid: .id, data: ($scope + $said)
    }' "$folder/task" >"$folder/event"
  if insist --header 'content-type: application/cloudevents+json' \
    --data-binary "@$folder/event" "$endpoint/v1/event"; then
    jq -r --arg word "$1" --slurpfile event "$folder/event" \
      '"\($word): task \($event[0].triggeredid), \(.outcome)"' "$folder/answer"
  fi
}

# Works on the task in the file "task": whatever COMMAND does, the task gets its finish.
work() {
  code=0
  "$@" <"$folder/task" >"$folder/said" 3<&- || code=$?
  result=pass
  [ "$code" -eq 0 ] || result=fail
  said=$(tail -n 1 "$folder/said" | jq -R -s --arg result "$result" \
    '{status: "succeeded", result: $result, message: rtrimstr("\n")[:1000]}')
  report finished "$said"
}

while :; do
  code=0
  insist --get --data-urlencode pageSize=100 \
    "$endpoint/v1/event/triggered/sh.keptn.event.$task.triggered" || code=$?
  [ "$code" -eq 0 ] || exit 1
  # One that others are still at work on stays open: it is done here, and not begun again.
  jq -c --rawfile over "$folder/over" '.events[] | select(.id | IN($over / "\n" | .[]) | not)' \
    "$folder/answer" >"$folder/open"
  jq -r '.events[].id' "$folder/answer" >"$folder/ids"
  grep -Fx -f "$folder/ids" "$folder/over" >"$folder/still" || true
  mv "$folder/still" "$folder/over"

  # All are started before the first is worked on, so that none runs into its reaction limit.
  while IFS= read -r line <&3; do
    printf '%s\n' "$line" >"$folder/task"
    report started '{"status": "succeeded"}'
  done 3<"$folder/open"
  while IFS= read -r line <&3; do
    printf '%s\n' "$line" >"$folder/task"
    work "$@"
    jq -r .id "$folder/task" >>"$folder/over"
  done 3<"$folder/open"
  sleep "$poll"
done
