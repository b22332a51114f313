import Glibc
import Logging

/// One JSON object a line on standard error: `time` (UTC, milliseconds), `level`, `logger`, `message`, then the metadata.
struct JSONLogHandler: LogHandler {
    private let label: String
    var logLevel: Logger.Level = .info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    init(label: String) {
        self.label = label
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        var fields = metadata
        if let provided = metadataProvider?.get() { fields.merge(provided) { $1 } }
        if let own = event.metadata { fields.merge(own) { $1 } }
        if let error = event.error { fields["error"] = "\(error)" }
        // One write a line, so that lines of several threads do not mix.
        writeError(Self.line(now, event.level, label, "\(event.message)", fields))
    }

    static func line(
        _ time: timespec, _ level: Logger.Level, _ label: String, _ message: String, _ metadata: Logger.Metadata
    ) -> String {
        let reserved = ["time", "level", "logger", "message"]
        let start: [(String, JSON)] = [
            ("time", .string(stamp(time))), ("level", .string(level.rawValue)), ("logger", .string(label)),
            ("message", .string(message)),
        ]
        let rest = metadata.filter { !reserved.contains($0.key) }.sorted { $0.key < $1.key }
        return JSON.object(start + rest.map { ($0.key, json($0.value)) }).text
    }

    private static func json(_ value: Logger.Metadata.Value) -> JSON {
        switch value {
        case .string(let text): .string(text)
        case .stringConvertible(let value): .string("\(value)")
        case .array(let values): .array(values.map(json))
        case .dictionary(let values): .object(values.sorted { $0.key < $1.key }.map { ($0.key, json($0.value)) })
        }
    }

    private static func stamp(_ time: timespec) -> String {
        var seconds = time.tv_sec
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func digits(_ value: Int, _ count: Int) -> String {
            let text = "\(value)"
            return String(repeating: "0", count: max(count - text.count, 0)) + text
        }
        let date =
            "\(digits(Int(parts.tm_year) + 1900, 4))-\(digits(Int(parts.tm_mon) + 1, 2))-\(digits(Int(parts.tm_mday), 2))"
        let clock = "\(digits(Int(parts.tm_hour), 2)):\(digits(Int(parts.tm_min), 2)):\(digits(Int(parts.tm_sec), 2))"
        return "\(date)T\(clock).\(digits(time.tv_nsec / 1_000_000, 3))Z"
    }
}
