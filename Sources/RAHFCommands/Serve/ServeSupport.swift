import ArgumentParser
import Logging
import RewardServer
import Synchronization

/// What the commands that listen have in common.
enum ServeLog {
    static func level(_ name: String) throws -> Logger.Level {
        guard let level = Logger.Level(rawValue: name) else {
            throw ValidationError("--log-level knows no '\(name)'")
        }
        return level
    }

    /// Sends logs to standard error from now on.
    static func start(
        _ label: String, level name: String, format: WatchOptions.LogFormat = .text
    ) throws -> Logger {
        let level = try level(name)
        LoggingSystem.bootstrap { label in
            if format == .json {
                var handler = JSONLogHandler(label: label)
                handler.logLevel = level
                return handler
            }
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = level
            return handler
        }
        return Logger(label: label)
    }

    static func addresses(_ texts: [String], encrypted: Bool, insecure: Bool) throws -> [BindAddress] {
        try texts.map { text in
            do throws(BindAddress.Refusal) {
                return try BindAddress(text, encrypted: encrypted, insecure: insecure)
            } catch {
                throw ValidationError("--bind: \(error.description)")
            }
        }
    }
}

/// What a signal acts on, also when it comes before that exists.
final class SignalTarget<Value: Sendable>: Sendable {
    private let state = Mutex<(value: Value?, isEnding: Bool)>((nil, false))

    /// - Parameter end: is called at once when the end was asked for already.
    func set(_ value: Value, end: (Value) -> Void) {
        let isEnding = state.withLock { state in
            state.value = value
            return state.isEnding
        }
        if isEnding { end(value) }
    }

    func with(_ body: (Value) -> Void) {
        if let value = state.withLock({ $0.value }) { body(value) }
    }

    func end(_ body: (Value) -> Void) {
        let value = state.withLock { state in
            state.isEnding = true
            return state.value
        }
        if let value { body(value) }
    }
}
