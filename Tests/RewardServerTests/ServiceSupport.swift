import FoundationEssentials
import Glibc
import Logging
import RewardImage
import RewardModel
import RewardServer
import RewardTestSupport
import RewardWire
import Synchronization
import Testing

/// A server on a thread of its own, on a free port or a socket file.
final class RunningServer: Sendable {
    private let background: BackgroundServer

    init(
        _ scorer: any Scorer, endpoint: String = "tcp://127.0.0.1:*",
        _ change: (inout ServerConfiguration) -> Void = { _ in }
    ) throws {
        var configuration = ServerConfiguration(addresses: [try BindAddress(endpoint)])
        change(&configuration)
        var log = Logger(label: "test")
        log.logLevel = .critical
        background = try BackgroundServer(try Server(configuration, scorer: scorer, log: log))
    }

    var endpoint: String { background.endpoints[0] }

    func drain() { background.drain() }

    /// Makes the sockets' thread turn.
    var poke: @Sendable () -> Void { { [background] in background.poke() } }

    /// Waits for the end and throws what ended it.
    func wait(seconds: Int = 30) throws {
        #expect(try background.wait(seconds: seconds), "the server did not end")
    }

    func stop() throws {
        drain()
        try wait()
    }
}

enum OnThread {
    /// Runs `body` once for each index, each on a thread, and returns the results in order.
    static func all<T: Sendable>(_ count: Int, _ body: @escaping @Sendable (Int) -> T) -> [T] {
        let results = SharedResults<T>(count)
        for index in 0..<count { ThreadStart.detached { results.set(index, body(index)) } }
        while !results.isComplete { usleep(1000) }
        return results.values
    }

    private final class SharedResults<T: Sendable>: Sendable {
        private let slots: Mutex<[T?]>

        init(_ count: Int) { slots = Mutex([T?](repeating: nil, count: count)) }

        func set(_ index: Int, _ value: T) { slots.withLock { $0[index] = value } }
        var isComplete: Bool { slots.withLock { $0.allSatisfy { $0 != nil } } }
        var values: [T] { slots.withLock { $0.compactMap { $0 } } }
    }
}

/// Answers after a time, or when a gate opens, with the prompt's length as its score.
final class SlowScorer: Scorer {
    let info: ModelInfo
    private let passTime: Duration
    private let isOpen: Atomic<Bool>
    private let seen = Mutex<[[String]]>([])

    /// The prompts of each pass so far.
    var batches: [[String]] { seen.withLock { $0 } }

    init(passTime: Duration = .zero, isOpen: Bool = true) throws {
        info = try TinyModel.predictor.get().info
        self.passTime = passTime
        self.isOpen = Atomic(isOpen)
    }

    func open() { isOpen.store(true, ordering: .releasing) }

    func predict(_ items: [PredictionItem]) -> [Result<Prediction, Failure>] {
        if items.first?.prompt == "grey" { return items.map { _ in .success(Prediction()) } }
        seen.withLock { $0.append(items.map(\.prompt)) }
        usleep(UInt32(passTime / .microseconds(1)))
        while !isOpen.load(ordering: .acquiring) { usleep(500) }
        return items.map { item in
            if item.prompt == "poison" { return .failure(Failure(.nonFiniteResult, "poison")) }
            let score = Float(item.prompt.utf8.count) / 1000
            let scores = Scores(plausibility: score, alignment: score, aesthetics: score, overall: score)
            return .success(Prediction(scores: scores))
        }
    }
}

enum TinyModel {
    static let folder = Fixtures.path("RewardModelTests", "golden-multi-port")
    static let predictor = Result { try Predictor.load(folder: folder, options: .init(threads: 2)) }

    static let picture = Image(
        width: 5, height: 3, rgb: (0..<45).map { UInt8($0 * 5) })

    static func item(_ prompt: String, _ outputs: Outputs = .scores) -> PredictionItem {
        PredictionItem(image: picture, prompt: prompt, outputs: outputs)
    }
}

/// A client that writes frames by hand.
struct RawClient {
    private let context: Context
    let socket: Socket

    init(_ endpoint: String, _ kind: Socket.Kind = .dealer, security: ClientSecurity? = nil) throws {
        context = try Context()
        socket = try Socket(kind, in: context)
        try socket.set(.linger(.zero))
        if let security { try socket.set(.curveClient(security)) }
        try socket.connect(endpoint)
    }

    func send(_ frames: [[UInt8]]) throws { try socket.send(frames) }

    func send(_ id: UInt8, _ items: [PredictionItem], timeout: Duration? = nil) throws {
        try send(RequestWriter.predict(items, id: [id], timeout: timeout))
    }

    /// The next message, within ten seconds.
    func receive(_ limit: Duration = .seconds(10)) throws -> [[UInt8]]? {
        let end = ContinuousClock.now + limit
        while ContinuousClock.now < end {
            _ = try Poll.wait(for: [socket], timeout: end - ContinuousClock.now)
            if let message = try socket.receive(maxFrames: 10_000) { return message.frames }
        }
        return nil
    }

    func reply(_ limit: Duration = .seconds(10)) throws -> ReplyMessage {
        try ReplyMessage(frames: try #require(try receive(limit), "no reply"))
    }

    func health() throws -> WireHealth {
        try send(RequestWriter.health(id: [255]))
        return try reply().header.health
    }

    /// Waits until the server says so of itself.
    func wait(until isTrue: (WireHealth) -> Bool) throws {
        for _ in 0..<2000 {
            if isTrue(try health()) { return }
            usleep(2000)
        }
        Issue.record("the server never got there")
    }
}
