import ArgumentParser
import Glibc
import RewardImage
import RewardModel
import RewardServer
import Synchronization

/// `rahf load-test`: many clients at once, each asking again as soon as it is answered.
struct LoadTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load-test", abstract: "Measure a server: images a second and waiting times with many clients.",
        discussion: "Prints one JSON object. The exit code is 0 only if no image failed.")

    @Option(help: "tcp://HOST:PORT or ipc://PATH.")
    var server: String
    @OptionGroup var securityOptions: ClientSecurityOptions
    @Option(help: "Connections, each on a thread of its own.")
    var clients = 16
    @Option(help: "Seconds to send for, after one answer for each client; what is then under way is waited for.")
    var seconds = 10
    @Option(help: "Images of one request.")
    var images = 1
    @Option(help: "Comma-separated: scores, heatmaps, words.")
    var outputs = "scores"
    @Option(help: "The prompt.")
    var prompt: String
    @Argument(help: "PNG, JPEG or WebP.")
    var image: String

    func validate() throws {
        guard (1...1024).contains(clients), (1...3600).contains(seconds), (1...256).contains(images) else {
            throw ValidationError("--clients takes 1 to 1024, --seconds 1 to 3600, --images 1 to 256")
        }
    }

    func run() throws {
        let item = try PredictionItem(
            encodedImage: try readFile(image), prompt: prompt, outputs: try ScoreCommand.outputs(outputs))
        // Images of their own: the same one would be encoded once for a batch.
        let everyone = (0..<clients).map { client in
            (0..<images).map { item.numbered(client * images + $0) }
        }
        let security = try securityOptions.load()
        let scorers = try (0..<clients).map { _ in try RemoteScorer(server, security: security) }
        let tally = Tally(clients: clients)
        for (scorer, items) in zip(scorers, everyone) {
            ThreadStart.detached {
                tally.arrive(failures: Self.failures(scorer.predict(items)))
                while tally.isRunning {
                    let started = ContinuousClock.now
                    let failures = Self.failures(scorer.predict(items))
                    tally.add(images: items.count, failures: failures, latency: ContinuousClock.now - started)
                }
                tally.leave()
            }
        }
        tally.waitUntilAllArrived()
        let started = ContinuousClock.now
        tally.start()
        sleep(UInt32(seconds))
        tally.stop()
        // What is under way counts, and so does its time: answers come in batches, and a cut between two would be unfair.
        tally.waitUntilAllLeft()
        let elapsed = ContinuousClock.now - started
        let result = tally.measured
        print(Self.report(result, elapsed).text)
        if result.failures > 0 { throw ExitCode.failure }
    }

    private static func failures(_ results: [Result<Prediction, Failure>]) -> Int {
        results.count { if case .failure = $0 { true } else { false } }
    }

    private static func report(_ result: Tally.Result, _ elapsed: Duration) -> JSON {
        let sorted = result.latencies.sorted()
        func milliseconds(_ share: Double) -> JSON {
            guard !sorted.isEmpty else { return .number(0) }
            let rank = min(Int((share * Double(sorted.count)).rounded(.up)), sorted.count) - 1
            return .number(Float(sorted[max(rank, 0)] / .microseconds(1)) / 1000)
        }
        return .object([
            ("images", .integer(result.images)), ("failures", .integer(result.failures)),
            ("images_per_second", .number(Float(Double(result.images) / (elapsed / .seconds(1))))),
            ("p50_ms", milliseconds(0.5)), ("p90_ms", milliseconds(0.9)), ("p99_ms", milliseconds(0.99)),
            ("p999_ms", milliseconds(0.999)),
        ])
    }
}

/// What all clients measured.
private final class Tally: Sendable {
    struct Result {
        var images = 0
        var failures = 0
        var latencies: [Duration] = []
    }

    private let result = Mutex(Result())
    private let running = Atomic(false)
    private let started = Atomic(false)
    private let arrived = Atomic(0)
    private let left = Atomic(0)
    private let clients: Int

    init(clients: Int) {
        self.clients = clients
    }

    /// True until `stop`; waits for `start`.
    var isRunning: Bool {
        while !started.load(ordering: .acquiring) { usleep(500) }
        return running.load(ordering: .acquiring)
    }

    func arrive(failures: Int) {
        result.withLock { $0.failures += failures }
        arrived.add(1, ordering: .acquiringAndReleasing)
    }

    func leave() { left.add(1, ordering: .acquiringAndReleasing) }

    func waitUntilAllArrived() {
        while arrived.load(ordering: .acquiring) < clients { usleep(1000) }
    }

    func waitUntilAllLeft() {
        while left.load(ordering: .acquiring) < clients { usleep(1000) }
    }

    func start() {
        running.store(true, ordering: .releasing)
        started.store(true, ordering: .releasing)
    }

    func stop() { running.store(false, ordering: .releasing) }

    var measured: Result { result.withLock { $0 } }

    func add(images: Int, failures: Int, latency: Duration) {
        result.withLock { result in
            result.images += images - failures
            result.failures += failures
            result.latencies.append(latency)
        }
    }
}
