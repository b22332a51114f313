/// Why a published checkpoint could not be imported. Nothing is left behind then.
public enum ImportError: Error, Sendable, Equatable, CustomStringConvertible {
    /// A file of ours or a safetensors file is at fault.
    case weights(WeightsError)
    case tokenizer(TokenizerError)
    /// The file contradicts its own format.
    case malformed(path: String, reason: String)
    /// The file is sound, but nothing that can be imported.
    case unsupported(path: String, reason: String)
    /// A pickle names something other than tensors. Nothing of it was run.
    case refusedGlobal(path: String, name: String)
    /// The tensors do not fit: all names, sorted, as the checkpoint has them.
    case mismatch(path: String, missing: [String], misshapen: [String], extra: [String])
    /// The output folder holds something already.
    case outputExists(path: String)
    /// An option is missing or contradicts the checkpoint.
    case invalidOption(String)

    public var description: String {
        switch self {
        case .weights(let error): return error.description
        case .tokenizer(let error): return error.description
        case .malformed(let path, let reason): return "\(path) is damaged: \(reason)"
        case .unsupported(let path, let reason): return "\(path) cannot be imported: \(reason)"
        case .refusedGlobal(let path, let name):
            return "\(path) refers to \(name), which is refused: only tensors are read, and nothing is run"
        case .mismatch(let path, let missing, let misshapen, let extra):
            let parts = [("missing", missing), ("misshapen", misshapen), ("extra", extra)].filter { !$0.1.isEmpty }
            let lines = parts.flatMap { kind, names in
                names.prefix(Self.listed).map { "\n  \(kind): \($0)" }
                    + (names.count > Self.listed ? ["\n  and \(names.count - Self.listed) more \(kind)"] : [])
            }
            return "\(path) has not the tensors it should have\(lines.joined())"
        case .outputExists(let path): return "\(path) exists and is not an empty folder"
        case .invalidOption(let reason): return reason
        }
    }

    /// Names of a kind that a message lists at most.
    private static let listed = 100
}

extension Failure {
    public init(_ error: ImportError) {
        switch error {
        case .weights(let error): self.init(error)
        case .tokenizer(let error): self.init(error)
        case .outputExists: self.init(.fileError, error.description)
        case .invalidOption: self.init(.invalidRequest, error.description)
        default: self.init(.invalidModel, error.description)
        }
    }
}
