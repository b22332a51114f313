public import TensorGraph

/// Where weights come from: a mapped file, or arrays in a test.
public protocol ParameterSource: Sendable {
    /// The weight of that name, or nil. Its bytes stay valid and unchanged for the source's lifetime.
    func parameter(named name: String) -> ParameterView?

    /// Says that the bytes handed out so far were copied, so that their pages may leave memory.
    func releasePages()
}

extension ParameterSource {
    public func releasePages() {}
}

/// A weight as it lies in memory, little-endian, row by row.
public struct ParameterView {
    public enum Format: Sendable {
        case float32, float16, bfloat16
    }
    public var format: Format
    public var shape: Shape
    public var bytes: UnsafeRawBufferPointer

    public init(format: Format, shape: Shape, bytes: UnsafeRawBufferPointer) {
        self.format = format
        self.shape = shape
        self.bytes = bytes
    }
}

/// Why a program could not be made.
public enum EngineError: Error, Sendable, Equatable, CustomStringConvertible {
    case missingParameter(String)
    case misshapenParameter(String, expected: Shape, actual: Shape)
    case nonFiniteParameter(String)
    /// The environment's `RAHF_ISA` names kernels that this processor cannot run, or that do not exist.
    case instructionSet(String, available: [String])

    public var description: String {
        switch self {
        case .missingParameter(let name): "the weights have no tensor \(name)"
        case .misshapenParameter(let name, let expected, let actual):
            "tensor \(name) is \(actual), but the model needs \(expected)"
        case .nonFiniteParameter(let name): "tensor \(name) holds a NaN or an infinity"
        case .instructionSet(let name, let available):
            "RAHF_ISA is '\(name)'; this processor can run \(available.joined(separator: ", "))"
        }
    }
}
