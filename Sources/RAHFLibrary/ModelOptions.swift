// swift-format-ignore-file: AlwaysUseLowerCamelCase
public import CRAHF
import RewardModel
import TensorCPU

/// `rahf_model_options`.
final class ModelOptionsHandle: Handle {
    override class var typeName: String { "rahf_model_options" }

    var options = Predictor.Options()
    var log: Log?
}

/// A caller's log callback.
struct Log {
    enum Level: Int32 {
        case debug = 1
        case info, warning, error
    }

    var callback: rahf_log_callback
    var user: UnsafeMutableRawPointer?

    func callAsFunction(_ level: Level, _ message: String) {
        message.withCString { callback(level.rawValue, $0, user) }
    }
}

@c @implementation
public func rahf_model_options_new() -> OpaquePointer! {
    ModelOptionsHandle().retained()
}

@c @implementation
public func rahf_model_options_free(_ options: OpaquePointer!) {
    Handle.release(options)
}

@c @implementation
public func rahf_model_options_set_threads(_ options: OpaquePointer!, _ threads: Int32) -> rahf_status {
    attempt { () throws(Failure) in
        let handle = try ModelOptionsHandle.get(options)
        guard (1...Predictor.Options.maximumThreads).contains(Int(threads)) else {
            throw Failure(.invalidRequest, "threads is \(threads), not in 1...\(Predictor.Options.maximumThreads)")
        }
        handle.options.threads = Int(threads)
    }
}

@c @implementation
public func rahf_model_options_set_max_batch(_ options: OpaquePointer!, _ items: Int32) -> rahf_status {
    attempt { () throws(Failure) in
        let handle = try ModelOptionsHandle.get(options)
        guard (1...64).contains(items) else { throw Failure(.invalidRequest, "max_batch is \(items), not in 1...64") }
        handle.options.maxBatch = Int(items)
    }
}

@c @implementation
public func rahf_model_options_set_precision(_ options: OpaquePointer!, _ precision: Int32) -> rahf_status {
    attempt { () throws(Failure) in
        let handle = try ModelOptionsHandle.get(options)
        let known = [
            RAHF_PRECISION_FLOAT32: Precision.float32, RAHF_PRECISION_BFLOAT16: .bfloat16, RAHF_PRECISION_INT8: .int8,
        ].first { Int32($0.key) == precision }
        guard let known else { throw Failure(.invalidRequest, "precision is \(precision), not a RAHF_PRECISION_*") }
        handle.options.precision = known.value
    }
}

@c @implementation
public func rahf_model_options_set_log(
    _ options: OpaquePointer!, _ log: rahf_log_callback!, _ user: UnsafeMutableRawPointer!
) -> rahf_status {
    attempt { () throws(Failure) in
        try ModelOptionsHandle.get(options).log = log.map { Log(callback: $0, user: user) }
    }
}
