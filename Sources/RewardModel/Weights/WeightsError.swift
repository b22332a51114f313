/// What is wrong with a model folder or one of its files.
public enum WeightsError: Error, Sendable, Equatable, CustomStringConvertible {
    case unreadable(path: String, reason: String)
    /// The safetensors header is not what the format says.
    case malformed(path: String, reason: String)
    case invalidConfig(path: String, reason: String)
    /// The weights do not fit the configuration: tensor names, at most a few of each.
    case mismatch(missing: [String], misshapen: [String], extra: [String])

    public var description: String {
        switch self {
        case .unreadable(let path, let reason): return "cannot read \(path): \(reason)"
        case .malformed(let path, let reason): return "\(path) is not a valid safetensors file: \(reason)"
        case .invalidConfig(let path, let reason): return "\(path): \(reason)"
        case .mismatch(let missing, let misshapen, let extra):
            let parts = [("missing", missing), ("misshapen", misshapen), ("extra", extra)]
                .filter { !$0.1.isEmpty }
                .map { "\($0.1.count) \($0.0): \($0.1.prefix(8).joined(separator: ", "))" }
            return "the weights do not fit config.json; \(parts.joined(separator: "; "))"
        }
    }
}

extension Failure {
    /// Why a model cannot be used, as the commands and the service report it.
    public init(_ error: WeightsError) {
        if case .unreadable = error {
            self.init(.fileError, error.description)
        } else {
            self.init(.invalidModel, error.description)
        }
    }
}
