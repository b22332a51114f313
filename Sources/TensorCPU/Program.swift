import TensorGraph

/// A graph made ready to run: steps in order, memory planned, weights packed.
///
/// A run, the first two left out, allocates nothing. Not thread-safe; `CPUEngine` runs one program at a time.
public final class Program {
    let steps: [Step]
    let arena: Arena
    let arenaSize: Int
    let inputs: [Input]
    let outputBuffers: [FloatBuffer]
    private let parameters: ParameterStore
    /// Keeps constants and once-computed values alive.
    let retained: [FloatBuffer]
    /// Input addresses of the current run, reused between runs.
    private let addresses: UnsafeMutablePointer<UnsafeMutablePointer<Float>?>

    struct Input {
        var name: String
        var shape: Shape
        var type: ElementType
    }

    init(
        steps: [Step], arena: Arena, arenaSize: Int, inputs: [Input], outputBuffers: [FloatBuffer],
        parameters: ParameterStore, retained: [FloatBuffer]
    ) {
        self.steps = steps
        self.arena = arena
        self.arenaSize = arenaSize
        self.inputs = inputs
        self.outputBuffers = outputBuffers
        self.parameters = parameters
        self.retained = retained
        addresses = .allocate(capacity: max(inputs.count, 1))
        addresses.initialize(repeating: nil, count: max(inputs.count, 1))
        arena.reserve(arenaSize)
    }

    deinit {
        addresses.deallocate()
    }

    /// Memory that only this program holds: outputs, constants, values computed once. The arena and weights are shared.
    public var byteCount: Int { (outputBuffers + retained).reduce(0) { $0 + $1.byteCount } }

    /// Position of an input, to bind it by. Nil when no output depends on it.
    public func inputIndex(_ name: String) -> Int? {
        inputs.firstIndex { $0.name == name }
    }

    /// Binds an input's memory for the following runs. It must stay valid and hold the input's element count.
    public func bind(_ name: String, to memory: UnsafeMutableRawPointer) {
        guard let index = inputIndex(name) else { return }
        addresses[index] = memory.assumingMemoryBound(to: Float.self)
    }

    /// Computes all outputs from the bound inputs.
    ///
    /// The first run reads the weights of linear layers where they lie, the second packs them.
    ///
    /// - Throws: `EngineError.nonFiniteParameter` when one of them holds a NaN or an infinity.
    public func run() throws(EngineError) {
        for index in inputs.indices {
            precondition(addresses[index] != nil, "input \(inputs[index].name) is not bound")
        }
        let frame = Frame(arena: arena.buffer.pointer, inputs: addresses)
        defer { parameters.releasePages() }
        for step in steps { try step.body(frame) }
    }

    /// The values of an output after a run, valid until the next one.
    public func output(_ index: Int) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(start: outputBuffers[index].pointer, count: outputBuffers[index].count)
    }
}

/// Where a value lies.
enum Location {
    case arena(Int)
    case fixed(UnsafeMutablePointer<Float>)
    case input(Int)
}

/// The memory of one run.
struct Frame {
    let arena: UnsafeMutablePointer<Float>
    let inputs: UnsafeMutablePointer<UnsafeMutablePointer<Float>?>

    func callAsFunction(_ location: Location) -> UnsafeMutablePointer<Float> {
        switch location {
        case .arena(let offset): arena + offset
        case .fixed(let pointer): pointer
        case .input(let index):
            // Checked by `Program.run`.
            inputs[index].unsafelyUnwrapped
        }
    }

    func integers(_ location: Location) -> UnsafeMutablePointer<Int32> {
        UnsafeMutableRawPointer(self(location)).assumingMemoryBound(to: Int32.self)
    }
}

/// One kernel call with everything but addresses settled.
struct Step {
    let body: (Frame) throws(EngineError) -> Void
}
