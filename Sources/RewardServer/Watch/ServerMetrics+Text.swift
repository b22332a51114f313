import RewardModel

extension ServerMetrics {
    /// The body of `/metrics`.
    package var text: String {
        let counts = snapshot()
        let now = ContinuousClock.now
        var text = Exposition()
        text.gauge(
            "rahf_build_info", "The server's version; the value is 1.", 1, [("version", rahfVersion)])
        text.gauge(
            "rahf_model_info", "The model that is served; the value is 1.", 1,
            [
                ("name", model.name), ("digest", model.digest), ("preprocessing_digest", model.preprocessingDigest),
                ("trained", "\(model.config.trained)"),
            ])
        Self.add(requests: counts, to: &text)
        Self.add(state: counts.state, now, to: &text)
        text.histogram("rahf_batch_items", "Items that went into the engine together.", [([], counts.batchItems)])
        text.histogram(
            "rahf_queue_seconds", "From a request's receipt to the start of its first item.", [([], counts.queue)])
        text.histogram("rahf_decode_seconds", "Decoding of one item's image and prompt.", [([], counts.decode)])
        text.histogram("rahf_model_seconds", "One pass of the model over a batch.", [([], counts.model)])
        text.histogram("rahf_encode_seconds", "Writing of a batch's answers.", [([], counts.encode)])
        text.histogram(
            "rahf_request_seconds", "From a request's receipt to the end of its last item.", [([], counts.request)])
        text.histogram(
            "rahf_reward", "Scores handed out.",
            zip(ScoreKind.allCases, counts.rewards).map { ([("score", $0.rawValue)], $1) })
        ProcessFigures.add(to: &text)
        return text.text
    }

    private static func add(requests counts: Counts, to text: inout Exposition) {
        text.counter(
            "rahf_requests_total", "Scoring and gradient requests by what became of them.",
            [
                ([("result", "answered")], counts.requests.answered),
                ([("result", "refused")], counts.requests.refused),
                ([("result", "client_gone")], counts.requests.clientGone),
                ([("result", "client_stuck")], counts.requests.clientStuck),
            ])
        text.counter("rahf_requests_accepted_total", "Requests taken into the queue.", counts.requests.accepted)
        text.counter(
            "rahf_items_total", "Items of answered requests.",
            [([("result", "ok")], counts.items.answered), ([("result", "failed")], counts.items.failed)])
        text.counter(
            "rahf_failures_total", "Failures by code, of whole requests and of items.",
            FailureCode.allCases.flatMap { code in
                [
                    ([("code", code.rawValue), ("level", "request")], counts.requestFailures[code] ?? 0),
                    ([("code", code.rawValue), ("level", "item")], counts.itemFailures[code] ?? 0),
                ]
            })
        text.counter("rahf_messages_received_total", "Messages that came.", counts.messages.received)
        text.counter("rahf_messages_sent_total", "Replies handed to the network.", counts.messages.sent)
        text.counter("rahf_received_bytes_total", "Bytes of messages that came.", counts.bytes.received)
        text.counter("rahf_sent_bytes_total", "Bytes of replies handed to the network.", counts.bytes.sent)
        text.counter(
            "rahf_connections_closed_total", "Connections that the server closed.",
            Connections.Offence.allCases.map { ([("reason", $0.label)], counts.closed[$0] ?? 0) })
        text.counter("rahf_recorded_requests_total", "Requests written to the record.", counts.recorded.requests)
        text.counter("rahf_recorded_bytes_total", "Bytes written to the record.", counts.recorded.bytes)
        text.counter(
            "rahf_record_lost_total", "Requests missing in the record: the disk was full or too slow.",
            counts.recorded.lost)
    }

    private static func add(state: ServerState, _ now: ContinuousClock.Instant, to text: inout Exposition) {
        text.gauge("rahf_queue_items", "Items waiting.", Double(state.queuedItems))
        text.gauge("rahf_queue_bytes", "Bytes waiting.", Double(state.queuedBytes))
        text.gauge(
            "rahf_queue_oldest_seconds", "How long the oldest waiting item has waited.",
            state.oldestArrival.map { ($0.duration(to: now)) / .seconds(1) } ?? 0)
        text.gauge("rahf_running_items", "Items in the engine.", Double(state.runningItems))
        text.gauge(
            "rahf_running_seconds", "How long the batch in the engine has been there.",
            state.runningSince.map { ($0.duration(to: now)) / .seconds(1) } ?? 0)
        text.gauge("rahf_open_requests", "Accepted requests without an answer.", Double(state.openRequests))
        text.gauge("rahf_clients", "Connections with something to ask.", Double(state.clients))
        text.gauge("rahf_ready", "1 when a request would be taken, otherwise 0.", state.isReady ? 1 : 0)
        text.gauge("rahf_draining", "1 when new work is refused, otherwise 0.", state.isDraining ? 1 : 0)
    }
}

extension Connections.Offence {
    /// As a label's value.
    var label: String {
        switch self {
        case .partialMessage: "partial_message"
        case .wrongMessages: "wrong_messages"
        case .revoked: "revoked"
        case .tooMany: "too_many"
        }
    }
}
