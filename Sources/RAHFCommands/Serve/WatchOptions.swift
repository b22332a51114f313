import ArgumentParser
import Glibc
import Logging
import RewardModel
import RewardServer

/// The options of `rahf serve` that let people see what it does.
struct WatchOptions: ParsableArguments {
    enum LogFormat: String, ExpressibleByArgument, CaseIterable {
        case text, json
    }

    @Option(
        help: """
            HOST:PORT for HTTP: / draws the rewards handed out, /metrics is for Prometheus, /healthz and /readyz. \
            With --workers, worker N is at PORT + N - 1.
            """)
    var metrics: String?
    @Option(help: "text, or json: one object a line.")
    var logFormat = LogFormat.text
    @Flag(help: "Log the prompts of every request. Without it no level logs prompts; none logs pixels.")
    var logPrompts = false
    @Option(
        help: """
            Keep requests and answers, images and prompts included, in this folder, readable by its owner only. \
            'rahf replay' reads it.
            """)
    var record: String?
    @Option(help: "Most bytes of --record, as 500MB or 10GB; the oldest go first.")
    var recordLimit = "1GB"

    func validate() throws {
        _ = try recordBytes()
    }

    /// The limit of the record.
    func recordBytes() throws -> Int {
        let units = [("KB", 1000), ("MB", 1_000_000), ("GB", 1_000_000_000), ("TB", 1_000_000_000_000)]
        let unit = units.first { recordLimit.hasSuffix($0.0) }
        let digits = unit == nil ? recordLimit : String(recordLimit.dropLast(2))
        guard digits.allSatisfy(\.isNumber), let count = Int(digits), count > 0,
            case let (bytes, isTooLarge) = count.multipliedReportingOverflow(by: unit?.1 ?? 1), !isTooLarge,
            bytes >= 1_000_000
        else {
            throw ValidationError("--record-limit is '\(recordLimit)'; it takes 1MB or more, as 500MB or 10GB")
        }
        return bytes
    }

    /// Where metrics are served.
    ///
    /// - Throws: for what is no address, and for one that other machines can reach without `insecure`.
    func address(insecure: Bool) throws -> (host: String, port: UInt16)? {
        guard let metrics else { return nil }
        do throws(BindAddress.Refusal) {
            _ = try BindAddress("tcp://\(metrics)", encrypted: false, insecure: insecure)
        } catch {
            throw ValidationError("--metrics: \(error.description)")
        }
        guard let colon = metrics.lastIndex(of: ":") else { throw ValidationError("--metrics takes HOST:PORT") }
        var host = String(metrics[..<colon])
        if host.hasPrefix("["), host.hasSuffix("]") { host = String(host.dropFirst().dropLast()) }
        let port = metrics[metrics.index(after: colon)...]
        return (host, port == "*" ? 0 : UInt16(port) ?? 0)
    }

    /// The same options for one of several workers, from 1.
    func arguments(worker: Int, of workers: Int, insecure: Bool) throws -> [String] {
        var options = ["--log-format", logFormat.rawValue]
        if logPrompts { options.append("--log-prompts") }
        if let (host, port) = try address(insecure: insecure) {
            guard port > 0, Int(port) + workers - 1 <= 65_535 else {
                throw ValidationError("--metrics needs a port with room for \(workers) workers")
            }
            let shown = host.contains(":") ? "[\(host)]" : host
            options += ["--metrics", "\(shown):\(Int(port) + worker - 1)"]
            // The parent has asked already.
            if insecure { options.append("--insecure") }
        }
        if let record {
            guard mkdir(record, 0o700) == 0 || errno == EEXIST else {
                throw Failure(.fileError, "\(record): \(String(cString: strerror(errno)))")
            }
            options += ["--record", "\(record)/worker-\(worker)"]
            options += ["--record-limit", "\(max(try recordBytes() / workers, 1_000_000))"]
        }
        return options
    }
}

/// What watches a server: its figures, its record.
struct Watching {
    private let metrics: ServerMetrics?
    private let recordLog: RecordLog?
    private let http: (host: String, port: UInt16)?

    /// Prepares both, and makes the configuration tell them.
    init(
        _ options: WatchOptions, insecure: Bool, model: ModelInfo, log: Logger,
        _ configuration: inout ServerConfiguration
    ) throws {
        http = try options.address(insecure: insecure)
        let metrics = http == nil ? nil : ServerMetrics(model: model)
        self.metrics = metrics
        let observe: @Sendable (ServerEvent) -> Void = { metrics?.note($0) }
        configuration.observe = observe
        configuration.logsPrompts = options.logPrompts
        recordLog = try options.record.map { folder in
            try RecordLog(folder: folder, limit: try options.recordBytes(), log: log, observe: observe)
        }
        if let recordLog {
            configuration.record = { recordLog.add($0) }
            log.notice(
                "recording requests and answers, images and prompts included",
                metadata: ["folder": "\(options.record ?? "")", "limit": "\(options.recordLimit)"])
        }
    }

    /// Begins to answer over HTTP.
    func start(_ server: Server, log: Logger) throws {
        guard let metrics, let http else { return }
        let watch = WatchPoint(metrics) { server.poke() }
        let listener = try HTTPListener(host: http.host, port: http.port) { watch.respond(to: $0) }
        listener.start()
        log.notice("metrics", metadata: ["address": "http://\(listener.address)/"])
    }

    /// Writes what is still to be recorded.
    func end() { recordLog?.close() }
}
