import ArgumentParser
import Glibc
import Logging
import RewardImage
import RewardModel
import RewardServer
import RewardWire

/// `rahf serve`: answers scoring requests over ZeroMQ until it is told to stop.
struct ServeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "serve", abstract: "Serve a model over ZeroMQ.",
        discussion: """
            Protocols/README.md is the contract. SIGTERM and SIGINT end politely: accepted requests are answered, new \
            ones refused as draining, and the exit code is 0. A second signal ends at once.
            """)

    @OptionGroup var modelOptions: ModelOptions
    @Option(help: "tcp://HOST:PORT or ipc://PATH, also several times. Port * lets the system choose.")
    var bind: [String] = ["tcp://127.0.0.1:5555"]
    @Flag(help: "Allow addresses that other machines can reach without encryption: anyone may ask and listen in.")
    var insecure = false
    @Option(help: "Encrypt: this server's NAME.key_secret, as 'rahf keygen' makes it.")
    var curveSecret: String?
    @Option(
        help: "The public keys that may connect, one a line with a name. Without it: all who know the server's key.")
    var curveClients: String?
    @Option(help: "Processes that share the work, each with the model and its share of the threads.")
    var workers = 1
    @Flag(help: .private)
    var untilEof = false
    @Option(help: "Most items of one pass.")
    var maxBatch = 8
    @Option(help: "Milliseconds an idle engine waits for a fuller batch.")
    var maxDelay = 0
    @Option(help: "Most items waiting; more are refused as overload.")
    var queueItems = 256
    @Option(help: "Most MiB waiting; more are refused as overload.")
    var queueMegabytes = 1024
    @Option(help: "Largest message in MiB.")
    var maxMessage = 256
    @Option(help: "Most items of one request.")
    var maxItems = 256
    @Option(help: "Most pixels of one image.")
    var maxPixels = 64_000_000
    @Option(help: "Most clients at once; requests of further ones are refused as overload.")
    var maxClients = 1024
    @Option(help: "Most MiB of replies that wait for one client to read them.")
    var maxUnread = 256
    @Option(help: "Seconds from a signal to the exit; what is not done by then is answered as draining.")
    var drainTime = 30
    @Option(help: "Seconds of these in which it says that it is not ready, and still takes new work.")
    var unreadyTime = 0
    @Option(help: "trace, debug, info, notice, warning or error. Requests are logged at debug, failed items at info.")
    var logLevel = "info"
    @OptionGroup(title: "Watching") var watchOptions: WatchOptions

    func validate() throws {
        let bounds = [
            ("max-batch", maxBatch, 1...1024), ("max-delay", maxDelay, 0...60_000),
            ("queue-items", queueItems, 1...1_000_000), ("queue-megabytes", queueMegabytes, 1...1_000_000),
            ("max-message", maxMessage, 1...2047), ("max-items", maxItems, 1...100_000),
            ("max-pixels", maxPixels, 1...1_000_000_000), ("drain-time", drainTime, 0...86_400),
            ("unready-time", unreadyTime, 0...drainTime), ("max-clients", maxClients, 1...100_000),
            ("max-unread", maxUnread, 1...1_000_000), ("workers", workers, 1...256),
        ]
        for (name, value, range) in bounds where !range.contains(value) {
            throw ValidationError("--\(name) is \(value), not in \(range.lowerBound)...\(range.upperBound)")
        }
        _ = try ServeLog.level(logLevel)
        guard curveClients == nil || curveSecret != nil else {
            throw ValidationError("--curve-clients needs --curve-secret")
        }
        _ = try configurationOfServer()
        _ = try watchOptions.address(insecure: insecure)
    }

    func run() throws {
        guard workers == 1 else { return try runWorkers(workers) }
        SteadyHeap.use()
        let log = try ServeLog.start("rahf.serve", level: logLevel, format: watchOptions.logFormat)
        let target = SignalTarget<Server>()
        var hangUp: (@Sendable () -> Void)?
        if curveClients != nil { hangUp = { target.with { $0.reloadClients() } } }
        TerminationSignals.take(hangUp: hangUp) { name in
            log.notice("\(name)")
            target.end { $0.drain() }
        }
        if untilEof {
            ThreadStart.detached {
                var byte: UInt8 = 0
                while read(0, &byte, 1) != 0 {}
                target.end { $0.drain() }
            }
        }
        var configuration = try configurationOfServer()
        configuration.security = try security()
        FileDescriptors.raiseLimit()
        let predictor = try modelOptions.load(maxBatch: maxBatch)
        let watching = try Watching(
            watchOptions, insecure: insecure, model: predictor.info, log: log, &configuration)
        let server = try Server(configuration, scorer: predictor, log: log)
        try watching.start(server, log: log)
        target.set(server) { $0.drain() }
        let model: Logger.Metadata = ["model": "\(predictor.info.name)", "digest": "\(predictor.info.digest)"]
        log.info("loaded", metadata: model)
        if !predictor.info.config.trained { log.warning("the model is untrained: its numbers mean nothing") }
        if let security = configuration.security {
            let clients = security.clients.map { "\($0.count)" } ?? "all who know the server's key"
            log.notice("encrypted", metadata: ["public_key": "\(security.publicKey)", "clients": "\(clients)"])
        }
        try server.run { endpoints in
            for endpoint in endpoints { log.notice("listening", metadata: ["endpoint": "\(endpoint)"]) }
        }
        watching.end()
        log.notice("drained")
        // A pass that outlived the drain still runs on its thread: nothing may be torn down under it.
        _exit(0)
    }

    func security() throws -> ServerSecurity? {
        try curveSecret.map { try ServerSecurity(secretFile: $0, clientsFile: curveClients) }
    }

    private func configurationOfServer() throws -> ServerConfiguration {
        var configuration = ServerConfiguration(
            addresses: try ServeLog.addresses(bind, encrypted: curveSecret != nil, insecure: insecure))
        configuration.limits.maxMessageBytes = maxMessage << 20
        configuration.limits.maxItems = maxItems
        configuration.limits.image.maxPixels = maxPixels
        configuration.queue = SchedulerLimits(
            maxBatch: maxBatch, maxDelay: .milliseconds(maxDelay), maxQueuedItems: queueItems,
            maxQueuedBytes: queueMegabytes << 20)
        configuration.connections.maxClients = maxClients
        configuration.connections.maxUnreadBytes = maxUnread << 20
        configuration.unreadyTime = .seconds(unreadyTime)
        configuration.drainTime = .seconds(drainTime)
        return configuration
    }
}
