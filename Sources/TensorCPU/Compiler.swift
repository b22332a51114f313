import TensorGraph

/// Turns a graph into steps: dead code out, activations and residuals fused, weight-only values computed once, memory
/// shared by values that never live at the same time.
struct Compiler {
    let engine: CPUEngine
    let graph: Graph
    let outputs: [Tensor]
    /// Parameters whose values change between runs.
    let variables: Set<String>
    let exactConvolutions: Bool
    let live: [Bool]
    /// The node whose memory a node's value lies in (views share their input's).
    private(set) var root: [Int]
    private(set) var fusion: [Int: Fusion]
    private var absorbed: Set<Int>
    private var locations: [Int: Location] = [:]
    private var retained: [FloatBuffer] = []
    /// Constants and values computed once, by their root: kept only if a step of the program reads them.
    private var known: [Int: FloatBuffer] = [:]
    private var inputs: [Program.Input] = []
    private var plan = ArenaPlan()
    /// By shape and steps.
    var transposedRows: [[[Int]]: [Int]] = [:]

    /// What a product's last pass over a tile also does. Keyed by the node that holds the result.
    struct Fusion {
        var product: Int
        var activation: Activation?
        var residual: Tensor?
    }

    init(
        engine: CPUEngine, graph: Graph, outputs: [Tensor], variables: Set<String>, exactConvolutions: Bool
    ) {
        self.engine = engine
        self.graph = graph
        self.outputs = outputs
        self.variables = variables
        self.exactConvolutions = exactConvolutions
        live = graph.live(from: outputs)
        root = Array(graph.nodes.indices)
        for (index, node) in graph.nodes.enumerated() {
            if case .reshape = node.operation { root[index] = root[node.inputs[0].index] }
            if case .append = node.operation { root[index] = root[node.inputs[0].index] }
        }
        (fusion, absorbed) = Compiler.fuse(graph, outputs, live)
    }

    mutating func compile() throws(EngineError) -> Program {
        let isStatic = staticNodes()
        let order = graph.nodes.indices.filter { live[$0] && !isLeaf($0) && !isView($0) && !absorbed.contains($0) }
        let lastUse = lastUses(order)
        try placeLeaves(isStatic)

        var outputBuffers: [FloatBuffer] = []
        for output in outputs {
            let buffer = FloatBuffer(count: graph.shape(output).count)
            precondition(locations[root[output.index]] == nil, "an output must be computed, and named once")
            locations[root[output.index]] = .fixed(buffer.pointer)
            outputBuffers.append(buffer)
        }

        var steps: [Step] = []
        var blocks: [Int: Range<Int>] = [:]
        var read: Set<Int> = []
        for (position, index) in order.enumerated() {
            if locations[root[index]] == nil {
                if isStatic[index] {
                    place(FloatBuffer(count: graph.nodes[index].shape.count), at: index)
                } else {
                    let block = plan.allocate(graph.nodes[index].shape.count)
                    blocks[index] = block
                    locations[index] = .arena(block.lowerBound)
                }
            }
            let step = try kernel(index)
            if isStatic[index], !outputs.contains(where: { root[$0.index] == index }) {
                try engine.parameters.fill()
                engine.arena.reserve(plan.size)
                var none: UnsafeMutablePointer<Float>?
                try withUnsafeMutablePointer(to: &none) { empty throws(EngineError) in
                    try step.body(Frame(arena: engine.arena.buffer.pointer, inputs: empty))
                }
                if let value = known[root[index]] { place(engine.shared(value), at: index) }
            } else {
                steps.append(step)
                read.formUnion(stepInputs(index).map { root[$0.index] })
            }
            for (value, block) in blocks where lastUse[value] ?? position <= position {
                plan.release(block)
                blocks[value] = nil
            }
        }
        return Program(
            steps: steps, arena: engine.arena, arenaSize: plan.size, inputs: inputs, outputBuffers: outputBuffers,
            parameters: engine.parameters, retained: retained + known.filter { read.contains($0.key) }.map(\.value))
    }

    /// Gives a constant, or a value computed once, its memory.
    private mutating func place(_ buffer: FloatBuffer, at index: Int) {
        known[root[index]] = buffer
        locations[root[index]] = .fixed(buffer.pointer)
    }

    // MARK: What a kernel asks

    func location(_ tensor: Tensor) -> Location {
        guard let location = locations[root[tensor.index]] else {
            preconditionFailure("\(graph[tensor].operation) has no memory yet")
        }
        return location
    }

    /// Working memory of the step being made: given back at once, so the next step may reuse it.
    mutating func scratch(_ count: Int) -> Location { scratch([count])[0] }

    /// Several parts of it, apart from each other.
    mutating func scratch(_ counts: [Int]) -> [Location] {
        let blocks = counts.map { plan.allocate(max($0, 1)) }
        for block in blocks { plan.release(block) }
        return blocks.map { .arena($0.lowerBound) }
    }

    mutating func retain(_ buffer: FloatBuffer) {
        retained.append(buffer)
    }

    /// The name of a parameter that never changes.
    func parameterName(_ tensor: Tensor) -> String? {
        if case .parameter(let name) = graph[tensor].operation, !variables.contains(name) { return name }
        return nil
    }

    // MARK: Analysis

    private func isLeaf(_ index: Int) -> Bool {
        switch graph.nodes[index].operation {
        case .input, .parameter, .constant, .integerConstant: true
        default: false
        }
    }

    private func isView(_ index: Int) -> Bool {
        if case .reshape = graph.nodes[index].operation { true } else { false }
    }

    private func staticNodes() -> [Bool] {
        var known = [Bool](repeating: false, count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() {
            if case .input = node.operation { continue }
            if case .parameter(let name) = node.operation, variables.contains(name) { continue }
            known[index] = node.inputs.allSatisfy { known[$0.index] }
        }
        return known
    }

    /// The inputs of a step, those of the nodes fused into it included.
    func stepInputs(_ index: Int) -> [Tensor] {
        guard let fusion = fusion[index] else { return graph.nodes[index].inputs }
        return graph.nodes[fusion.product].inputs + (fusion.residual.map { [$0] } ?? [])
    }

    private func lastUses(_ order: [Int]) -> [Int: Int] {
        var last: [Int: Int] = [:]
        for (position, index) in order.enumerated() {
            for input in stepInputs(index) { last[root[input.index]] = position }
        }
        return last
    }

    private mutating func placeLeaves(_ isStatic: [Bool]) throws(EngineError) {
        // A weight used only inside products is never kept unpacked, and one that is only looked up in is not copied.
        var (plainUse, tableUse) = (Set<Int>(), Set<Int>())
        for index in graph.nodes.indices where live[index] && !isLeaf(index) {
            let node = graph.nodes[index]
            for (position, input) in node.inputs.enumerated() {
                let packedUse: Bool =
                    switch node.operation {
                    case .linear, .convolution, .transposedConvolution: position == 1
                    default: false
                    }
                if case .embedding = node.operation, position == 0 {
                    tableUse.insert(root[input.index])
                } else if !packedUse {
                    plainUse.insert(root[input.index])
                }
            }
        }
        for index in graph.nodes.indices where live[index] {
            let node = graph.nodes[index]
            switch node.operation {
            case .input(let name):
                locations[index] = .input(inputs.count)
                inputs.append(Program.Input(name: name, shape: node.shape, type: node.type))
            case .parameter(let name):
                if plainUse.contains(index) || variables.contains(name) {
                    locations[index] = .fixed(try engine.parameters.floats(name, node.shape))
                } else if tableUse.contains(index) {
                    let table = try engine.parameters.table(name, node.shape)
                    // Steps only read what they look up in.
                    locations[index] = .fixed(UnsafeMutablePointer(mutating: table))
                }
            case .constant(let values):
                let buffer = FloatBuffer(count: values.count)
                buffer.pointer.update(from: values, count: values.count)
                place(buffer, at: index)
            case .integerConstant(let values):
                let buffer = FloatBuffer(count: values.count)
                UnsafeMutableRawPointer(buffer.pointer).copyMemory(from: values, byteCount: values.count * 4)
                place(buffer, at: index)
            default: break
            }
        }
    }

    /// Lets products absorb the activation, then the addition, that alone read their result.
    private static func fuse(_ graph: Graph, _ outputs: [Tensor], _ live: [Bool]) -> ([Int: Fusion], Set<Int>) {
        var readers = [[Int]](repeating: [], count: graph.nodes.count)
        for (index, node) in graph.nodes.enumerated() where live[index] {
            for input in node.inputs { readers[input.index].append(index) }
        }
        let kept = Set(outputs.map(\.index))
        func onlyReader(_ index: Int) -> Int? {
            readers[index].count == 1 && !kept.contains(index) ? readers[index][0] : nil
        }
        var fusions: [Int: Fusion] = [:]
        var absorbed = Set<Int>()
        for (index, node) in graph.nodes.enumerated() where live[index] {
            switch node.operation {
            case .linear, .convolution, .transposedConvolution: break
            default: continue
            }
            var end = index
            var fusion = Fusion(product: index)
            if let reader = onlyReader(end), case .activation(let kind) = graph.nodes[reader].operation {
                fusion.activation = kind
                absorbed.insert(end)
                end = reader
            }
            if let reader = onlyReader(end), case .add = graph.nodes[reader].operation, fusions[reader] == nil {
                let others = graph.nodes[reader].inputs.filter { $0.index != end }
                if others.count == 1, graph.shape(others[0]) == graph.nodes[end].shape {
                    fusion.residual = others[0]
                    absorbed.insert(end)
                    end = reader
                }
            }
            fusions[end] = fusion
        }
        return (fusions, absorbed)
    }
}
