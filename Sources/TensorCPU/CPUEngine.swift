import CKernels
import Glibc
public import TensorGraph

/// Compiles graphs to programs over one set of weights, and owns the threads that run them.
///
/// Not thread-safe: its owner serialises compiling and running.
public final class CPUEngine {
    public let threads: Int
    /// What products of constant weights compute in: what was asked for, or float32 where the processor lacks that.
    public let precision: Precision
    let pool: ThreadPool
    let parameters: ParameterStore
    let arena = Arena()
    var tables: [TableKey: ConvolutionTable] = [:]
    /// Values that programs computed once, for others that need the same: position biases are as large as all else a
    /// program holds, and the same for every size of a batch.
    private var values: [SharedValue] = []

    private struct SharedValue {
        weak var buffer: FloatBuffer?
    }

    /// - Parameters:
    ///   - threads: how many threads share the work; fewer do where the system grants no more. Results do not depend on it.
    ///   - precision: of products; float32 is used in its place where the processor lacks it.
    public init(source: any ParameterSource, threads: Int, precision: Precision = .float32) {
        self.precision = precision.isAvailable ? precision : .float32
        pool = ThreadPool(threads: threads)
        self.threads = pool.threads
        parameters = ParameterStore(source: source, pool: pool)
    }

    deinit {
        pool.stop()
    }

    /// The kernels chosen for this machine: `avx512bf16`, `avx512`, `avx2` or `portable`.
    public static var instructionSet: String { String(cString: rk_instruction_set()) }

    /// Checks that the environment's `RAHF_ISA`, when set, is one of the kernels this processor can run.
    ///
    /// - Throws: `EngineError.instructionSet`, naming those it can. Unchecked, the best it can run are used.
    public static func checkInstructionSet() throws(EngineError) {
        guard let refused = rk_refused_instruction_set() else { return }
        throw .instructionSet(
            String(cString: refused),
            available: ["avx512bf16", "avx512", "avx2", "portable"].filter { rk_has_instruction_set($0) == 1 })
    }

    /// Plans and prepares a program for these outputs; what they do not need is left out.
    ///
    /// - Parameters:
    ///   - variables: names of parameters that change between runs, in the memory that `variable` gives. A product packs
    ///     them at each run; all other parameters are packed now, once.
    ///   - exactConvolutions: true keeps to plain sums where Winograd's transform would be faster and round about five
    ///     times as coarsely (1e-6 of the result).
    /// - Throws: `EngineError` when a weight is missing, misshapen, or holds a NaN or an infinity.
    public func compile(
        _ graph: Graph, outputs: [Tensor], variables: Set<String> = [], exactConvolutions: Bool = false
    ) throws(EngineError) -> Program {
        var compiler = Compiler(
            engine: self, graph: graph, outputs: outputs, variables: variables,
            exactConvolutions: exactConvolutions)
        defer {
            parameters.discard()
            parameters.releasePages()
        }
        let program = try compiler.compile()
        try parameters.fill()
        return program
    }

    /// A parameter's values, row by row, which programs compiled with it among their variables read at each run.
    ///
    /// The memory lives as long as the engine and starts with the source's values.
    public func variable(_ name: String, _ shape: Shape) throws(EngineError) -> UnsafeMutableBufferPointer<Float> {
        defer { parameters.discard() }
        let values = try parameters.floats(name, shape)
        try parameters.fill()
        return UnsafeMutableBufferPointer(start: values, count: shape.count)
    }

    /// Runs numbered pieces of work on the engine's threads and returns when all are done.
    public func parallel(_ pieces: Int, _ body: (_ piece: Int) -> Void) {
        pool.parallel(pieces) { piece, _ in body(piece) }
    }

    /// A buffer with the same bits, of this or an earlier program that is still there. Nobody writes to it any more.
    func shared(_ value: FloatBuffer) -> FloatBuffer {
        values.removeAll { $0.buffer == nil }
        for case let known? in values.lazy.map(\.buffer)
        where known.count == value.count && memcmp(known.pointer, value.pointer, value.byteCount) == 0 {
            return known
        }
        values.append(SharedValue(buffer: value))
        return value
    }

    struct TableKey: Hashable {
        var geometry: Convolution
        var transposed: Bool
        var inputHeight: Int
        var inputWidth: Int
        var inputChannels: Int
        var outputChannels: Int
    }

    func table(_ key: TableKey) -> ConvolutionTable {
        if let known = tables[key] { return known }
        let table = ConvolutionTable(key)
        tables[key] = table
        return table
    }
}
