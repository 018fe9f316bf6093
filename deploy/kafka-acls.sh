#!/bin/sh
# Lets each role do with Kafka what it has to, and nothing else.
#
#   KAFKA_ACLS="kafka-acls.sh --bootstrap-server kafka:9092 --command-config admin.properties" deploy/kafka-acls.sh ROLE PRINCIPAL
#
# ROLE is one of
#   ingest      sends readings
#   waterfall   readings -> hours -> days -> months
#   sinks       the levels into DynamoDB
#   audit       counts devices again and compares, at intervals
#   operator    makes and checks topics, looks how far everything is, resends, redrives, reconciles, replays, exports and erases
# and PRINCIPAL is, for instance, User:wattfall-sinks. WATTFALL_APP and WATTFALL_TOPIC_PREFIX as the workers have them.
set -eu

role=${1:?"usage: $0 ingest|waterfall|sinks|audit|operator PRINCIPAL"}
principal=${2:?"usage: $0 ingest|waterfall|sinks|audit|operator PRINCIPAL"}
app=${WATTFALL_APP:-wattfall}
prefix=${WATTFALL_TOPIC_PREFIX:-}

allow() { # OPERATION,… RESOURCE…: a list of operations on one resource
    operations=$1; shift
    set -- "$@" --allow-principal "$principal" --add
    for operation in $(echo "$operations" | tr , ' '); do set -- "$@" --operation "$operation"; done
    ${KAFKA_ACLS:-kafka-acls.sh} "$@"
}
topics() { # OPERATION,… NAME…: topics of every epoch, with whatever a later one has behind its name
    operations=$1; shift
    for name; do allow "$operations" --topic "$prefix$name" --resource-pattern-type prefixed; done
}

case $role in
ingest)
    allow Write,Describe --topic "${prefix}readings"
    ;;
waterfall)
    allow Read,Describe --topic "${prefix}readings"
    topics Read,Write,Describe hours days "$app-e"
    topics Write,Describe months rejected late
    topics Read,Describe "$app-generations"
    allow Read,Describe --group "$app" --resource-pattern-type prefixed
    allow Write,Describe --transactional-id "$app" --resource-pattern-type prefixed
    ;;
sinks)
    allow Read,Describe --topic "${prefix}readings"
    topics Read,Describe hours days months "$app-generations"
    topics Write,Describe rejected
    topics Describe late "$app-e"
    allow Read,Describe --group "$app" --resource-pattern-type prefixed
    ;;
audit)
    allow Read,Describe --topic "${prefix}readings"
    topics Describe hours days months rejected
    topics Read,Describe "$app-generations"
    allow Describe --group "$app" --resource-pattern-type prefixed
    ;;
operator)
    topics Create,Read,Write,Describe,DescribeConfigs,Delete readings hours days months rejected late "$app"
    allow Read,Describe,Delete --group "$app" --resource-pattern-type prefixed
    allow Write,Describe --transactional-id "${prefix}readings-redrive"
    allow Write,Describe --transactional-id "$app-generations"
    ;;
*)
    echo "$0: no such role: $role" >&2
    exit 2
    ;;
esac
