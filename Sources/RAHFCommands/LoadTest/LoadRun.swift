import Glibc
import RewardModel
import RewardRandom
import RewardServer
import Synchronization

/// Tells the clients of a load test when to send, and takes what they measured.
final class LoadRun: Sendable {
    struct Arrival {
        var number: Int
        /// When it was to be sent; nil: as soon as a client is free.
        var due: ContinuousClock.Instant?
    }

    private struct State {
        var random: SplitMix64
        var number = 0
        /// When the next request is due; nil before the start and without a rate.
        var due: ContinuousClock.Instant?
        var end: ContinuousClock.Instant?
        var report = LoadReport()
    }

    private let state: Mutex<State>
    private let arrived = Atomic(0)
    private let left = Atomic(0)
    private let started = Atomic(false)
    private let clients: Int
    private let length: Duration
    private let rate: Double?

    /// - Parameter rate: requests a second; nil: as many as the clients get answered.
    init(clients: Int, length: Duration, rate: Double?, seed: UInt64) {
        self.clients = clients
        self.length = length
        self.rate = rate
        state = Mutex(State(random: SplitMix64(seed: seed)))
    }

    /// The codes of a request's failed images.
    static func codes(_ results: [Result<Prediction, Failure>]) -> [FailureCode] {
        results.compactMap { result in
            guard case .failure(let failure) = result else { return nil }
            return failure.code
        }
    }

    /// A client has had its first answer, which is not measured.
    func warmedUp(_ codes: [FailureCode]) {
        state.withLock { state in
            for code in codes { state.report.codes[code, default: 0] += 1 }
        }
        arrived.add(1, ordering: .acquiringAndReleasing)
    }

    /// The next request, at its time. Nil when the time is over.
    func next() -> Arrival? {
        while !started.load(ordering: .acquiring) { usleep(500) }
        let arrival = state.withLock { state -> Arrival? in
            let now = ContinuousClock.now
            guard let end = state.end, (state.due ?? now) < end else { return nil }
            let arrival = Arrival(number: state.number, due: state.due)
            state.number += 1
            if let rate, let due = state.due {
                // Independent arrivals: the gaps are exponential. The least bits keep the logarithm finite.
                let uniform = (Double(state.random.next() >> 11) + 0.5) * 0x1p-53
                state.due = due + .seconds(-log(uniform) / rate)
            }
            return arrival
        }
        if let due = arrival?.due {
            let wait = due - ContinuousClock.now
            if wait > .zero { usleep(UInt32(clamping: Int(wait / .microseconds(1)))) }
        }
        return arrival
    }

    func add(images: Int, codes: [FailureCode], due: ContinuousClock.Instant, started: ContinuousClock.Instant) {
        let latency = ContinuousClock.now - due
        state.withLock { state in
            state.report.requests += 1
            state.report.images += images - codes.count
            for code in codes { state.report.codes[code, default: 0] += 1 }
            if codes.isEmpty { state.report.latencies.append(latency) }
            if started - due > .milliseconds(2) { state.report.lateStarts += 1 }
        }
    }

    func leave() { left.add(1, ordering: .acquiringAndReleasing) }

    /// Lets the clients begin when all are warm, and returns when the last has ended.
    func wait() -> LoadReport {
        while arrived.load(ordering: .acquiring) < clients { usleep(1000) }
        let begin = ContinuousClock.now
        state.withLock { state in
            state.end = begin + length
            state.due = rate == nil ? nil : begin
        }
        started.store(true, ordering: .releasing)
        // What is under way counts, and so does its time: answers come in batches, and a cut between two would be unfair.
        while left.load(ordering: .acquiring) < clients { usleep(1000) }
        var report = state.withLock { $0.report }
        report.elapsed = ContinuousClock.now - begin
        report.rate = rate
        report.clients = clients
        return report
    }
}

/// What a load test measured.
struct LoadReport {
    var clients = 0
    /// Wanted, in requests a second.
    var rate: Double?
    var elapsed = Duration.zero
    var requests = 0
    /// Answered.
    var images = 0
    /// Of failed images.
    var codes: [FailureCode: Int] = [:]
    /// Of requests without a failed image.
    var latencies: [Duration] = []
    /// Requests that were due when no client was free.
    var lateStarts = 0

    var failures: Int { codes.values.reduce(0, +) }

    private static let shares: [(name: String, share: Double)] = [
        ("p50", 0.5), ("p90", 0.9), ("p95", 0.95), ("p99", 0.99), ("p999", 0.999), ("max", 1),
    ]

    /// Milliseconds that so large a share of the answered requests waited at most; 0 without any.
    func milliseconds(_ share: Double) -> Float {
        let sorted = latencies.sorted()
        guard !sorted.isEmpty else { return 0 }
        let rank = min(Int((share * Double(sorted.count)).rounded(.up)), sorted.count) - 1
        return Float(sorted[max(rank, 0)] / .microseconds(1)) / 1000
    }

    private func perSecond(_ count: Int) -> Float { Float(Double(count) / max(elapsed / .seconds(1), 1e-9)) }

    private var sortedCodes: [(FailureCode, Int)] {
        codes.map { ($0.key, $0.value) }.sorted { $0.0.rawValue < $1.0.rawValue }
    }

    var json: JSON {
        var fields: [(String, JSON)] = [
            ("clients", .integer(clients)), ("seconds", .number(Float(elapsed / .seconds(1)))),
            ("requests", .integer(requests)), ("images", .integer(images)), ("failures", .integer(failures)),
            ("failures_by_code", .object(sortedCodes.map { ($0.rawValue, .integer($1)) })),
            ("images_per_second", .number(perSecond(images))), ("requests_per_second", .number(perSecond(requests))),
        ]
        if let rate {
            fields.append(("rate", .number(Float(rate))))
            fields.append(("late_starts", .integer(lateStarts)))
        }
        return .object(fields + Self.shares.map { ("\($0.name)_ms", .number(milliseconds($0.share))) })
    }

    var table: String {
        var rows = [
            ["clients", "\(clients)"], ["seconds", decimal(elapsed / .seconds(1), 1)], ["requests", "\(requests)"],
            ["images", "\(images)"], ["images a second", decimal(Double(perSecond(images)), 2)],
            ["requests a second", decimal(Double(perSecond(requests)), 2)],
        ]
        if let rate {
            rows.append(["wanted", decimal(rate, 2)])
            rows.append(["due with no client free", "\(lateStarts)"])
        }
        rows += Self.shares.map { ["\($0.name) ms", decimal(Double(milliseconds($0.share)), 1)] }
        rows += sortedCodes.map { ["failed: \($0.rawValue)", "\($1)"] }
        return TextTable(header: ["", ""], rows: rows).text
    }
}
