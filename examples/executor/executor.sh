#!/bin/sh
# An executor in a shell: executor.sh TASK COMMAND [ARGUMENT...]
#
# Shows the life of an executor with curl and jq: it asks for the open tasks of one name, says
# "started" for each, runs COMMAND with the task's CloudEvent on stdin, and says "finished": with pass
# if COMMAND ended with status 0, else with fail. The last line that COMMAND prints is the message.
# While COMMAND works, the script says of all tasks that it has started that they are not forgotten; the
# last line of COMMAND goes with that. It says so itself: no process is left to do it when it was killed.
# A start and a finish have the same ids after a restart, so that what is said twice counts once.
# Leaves out: several tasks at once, and stopping the work when a task is no longer open. When the script
# is ended it ends COMMAND.
#
# From the environment: SEQUENCECTL_ENDPOINT (http://127.0.0.1:8080), SEQUENCECTL_TOKEN (none),
# SEQUENCECTL_SOURCE, its own name (TASK-service), SEQUENCECTL_POLL, seconds between two looks (2),
# SEQUENCECTL_PROGRESS, seconds between two reports of progress (10).
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
every=${SEQUENCECTL_PROGRESS:-10}
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
worker='' clock=''
trap 'kill $worker $clock 2>/dev/null || true; rm -rf "$folder"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'is_due=true' USR1

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

# Reports a word on the task whose CloudEvent is in the file $1, with more data as JSON: by `insist`, or
# by `ask` where a report may be lost. Progress has another id each time.
report() {
  jq --arg word "$2" --arg source "$source" --argjson said "$3" '
    (.data | {project, stage, service}) as $scope | {
      specversion: "1.0", source: $source,
      id: "\(.id)-\($word)-\($source)\(if $word == "status.changed" then "-\(now)" else "" end)",
      type: (.type | rtrimstr("triggered") + $word), datacontenttype: "application/json",
      shkeptncontext: .shkeptncontext, triggeredid: .id, data: ($scope + $said)
    }' "$1" >"$folder/event"
  outcome=''
  if "${4:-insist}" --header 'content-type: application/cloudevents+json' \
    --data-binary "@$folder/event" "$endpoint/v1/event"; then
    outcome=$(jq -r .outcome "$folder/answer")
    jq -r --arg word "$2" --arg outcome "$outcome" '"\($word): task \(.triggeredid), \($outcome)"' \
      "$folder/event"
  fi
}

# Prints data of a report: $1, and as its message the last line that COMMAND has printed.
said() {
  tail -n 1 "$folder/said" | jq -R -s --argjson more "$1" \
    '{status: "succeeded", message: rtrimstr("\n")[:1000]} + $more'
}

# Says of every task that is started and not done that this executor lives.
tell() {
  jq -c --rawfile over "$folder/over" 'select(.id | IN($over / "\n" | .[]) | not)' "$folder/open" \
    >"$folder/waits"
  while IFS= read -r line <&4; do
    printf '%s\n' "$line" >"$folder/told"
    if cmp -s "$folder/told" "$folder/task"; then
      report "$folder/told" status.changed "$(said '{}')" ask
    else
      report "$folder/told" status.changed '{"message": "waits for its turn"}' ask
    fi
  done 4<"$folder/waits"
}

# Works on the task in the file "task": whatever COMMAND does, the task gets its finish.
work() {
  "$@" <"$folder/task" >"$folder/said" 3<&- &
  worker=$!
  while sleep "$every" && kill -USR1 $$; do :; done >/dev/null 2>&1 3<&- &
  clock=$!
  while :; do
    is_due=false code=0
    wait "$worker" || code=$?
    # Above 128 is a signal: one that has ended COMMAND, or that of the clock, which interrupts `wait`.
    { [ "$code" -gt 128 ] && $is_due; } || break
    tell
  done
  kill "$clock" || true
  worker='' clock='' result=pass
  [ "$code" -eq 0 ] || result=fail
  report "$folder/task" finished "$(said "{\"result\": \"$result\"}")"
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

  # All are started before the first is worked on, so that none runs into its reaction limit. A start
  # that is a repeat counts for nothing now: say something that does.
  : >"$folder/task"
  is_again=false
  while IFS= read -r line <&3; do
    printf '%s\n' "$line" >"$folder/begun"
    report "$folder/begun" started '{"status": "succeeded"}'
    [ "$outcome" != duplicate ] || is_again=true
  done 3<"$folder/open"
  ! $is_again || tell
  while IFS= read -r line <&3; do
    printf '%s\n' "$line" >"$folder/task"
    work "$@"
    jq -r .id "$folder/task" >>"$folder/over"
  done 3<"$folder/open"
  sleep "$poll"
done
