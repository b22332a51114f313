import Foundation
import Synchronization
import TensorCPU
import TensorGraph
import Testing

/// Weights are read where they lie by the first run and packed for the second; what is wrong with them is said by name.
@Suite struct WeightReadingTests {
    /// Weights in memory, in any format and at any place.
    // Unchecked: the memory is only read once it is filled.
    private final class Weights: ParameterSource, @unchecked Sendable {
        private let views: [String: ParameterView]
        private let memory: [UnsafeMutableRawPointer]
        let releases = Atomic<Int>(0)

        init(_ tensors: [(name: String, shape: Shape, values: [Float])], _ format: ParameterView.Format, skip: Int = 0)
        {
            var (views, memory) = ([String: ParameterView](), [UnsafeMutableRawPointer]())
            for (name, shape, values) in tensors {
                let size = format == .float32 ? 4 : 2
                let raw = UnsafeMutableRawPointer.allocate(byteCount: shape.count * size + 8, alignment: 64)
                for (index, value) in values.enumerated() {
                    let place = skip + index * size
                    switch format {
                    case .float32: raw.storeBytes(of: value.bitPattern, toByteOffset: place, as: UInt32.self)
                    case .float16: raw.storeBytes(of: Float16(value).bitPattern, toByteOffset: place, as: UInt16.self)
                    case .bfloat16:
                        raw.storeBytes(of: UInt16(value.bitPattern >> 16), toByteOffset: place, as: UInt16.self)
                    }
                }
                memory.append(raw)
                views[name] = ParameterView(
                    format: format, shape: shape,
                    bytes: UnsafeRawBufferPointer(start: raw + skip, count: shape.count * size))
            }
            (self.views, self.memory) = (views, memory)
        }

        deinit { for raw in memory { raw.deallocate() } }

        func parameter(named name: String) -> ParameterView? { views[name] }

        func releasePages() { releases.add(1, ordering: .relaxed) }
    }

    /// Values that bfloat16 and float16 hold exactly.
    private static func values(_ count: Int, seed: UInt64) -> [Float] {
        var random = Noise(state: seed)
        return (0..<count).map { _ in (random.next() * 64).rounded() / 64 }
    }

    /// Widths on both sides of a panel, depths on both sides of a block of 16.
    private static let tensors: [(name: String, shape: Shape, values: [Float])] = [
        ("wide", [150, 70], values(150 * 70, seed: 1)), ("bias", [150], values(150, seed: 2)),
        ("deep", [33, 150], values(33 * 150, seed: 3)), ("back", [33, 70], values(33 * 70, seed: 4)),
        ("filters", [3, 70, 2, 2], values(840, seed: 5)),
    ]

    /// Two linear layers with a bias, an activation and a residual, one whose weight is turned, and a convolution.
    private static func program(_ engine: CPUEngine, rows: Int) throws -> Program {
        var graph = Graph()
        let x = graph.input("x", [rows, 70])
        let wide = graph.parameter("wide", [150, 70])
        let hidden = graph.activation(graph.linear(x, wide, bias: graph.parameter("bias", [150])), .relu)
        let deep = graph.linear(hidden, graph.parameter("deep", [33, 150]))
        let turned = graph.add(graph.linearTransposed(deep, graph.parameter("back", [33, 70])), x)
        let map = graph.reshape(x, [1, 1, rows, 70])
        let filtered = graph.convolution(map, graph.parameter("filters", [3, 70, 2, 2]))
        return try engine.compile(graph, outputs: [turned, filtered])
    }

    private static func outputs(
        _ program: Program, rows: Int, runs: Int, count: Int = 2
    ) throws -> [[[Float]]] {
        let input = UnsafeMutableBufferPointer<Float>.allocate(capacity: rows * 70)
        defer { input.deallocate() }
        _ = input.initialize(from: values(rows * 70, seed: 9))
        if let base = input.baseAddress { program.bind("x", to: base) }
        return try (0..<runs).map { _ in
            try program.run()
            return (0..<count).map { Array(program.output($0)) }
        }
    }

    @Test(arguments: Precision.allCases, [1, 7, 200])
    func theFirstRunHasTheBitsOfTheOnesAfterIt(precision: Precision, rows: Int) throws {
        var expected: [[Float]]?
        for threads in [1, 2, 3] {
            let engine = CPUEngine(source: Weights(Self.tensors, .float32), threads: threads, precision: precision)
            let runs = try Self.outputs(Self.program(engine, rows: rows), rows: rows, runs: 3)
            // And those of a program that finds the weights packed.
            let later = try Self.outputs(Self.program(engine, rows: rows), rows: rows, runs: 1)
            for run in runs + later { #expect(run == expected ?? runs[0], "\(threads) threads") }
            expected = expected ?? runs[0]
            #expect(runs[0][0].contains { $0 != 0 })
        }
    }

    @Test(arguments: [(ParameterView.Format.float32, 1), (.float16, 0), (.bfloat16, 0), (.bfloat16, 1)])
    func otherFormatsAndPlacesGiveTheSame(format: ParameterView.Format, skip: Int) throws {
        let usual = CPUEngine(source: Weights(Self.tensors, .float32), threads: 2)
        let other = CPUEngine(source: Weights(Self.tensors, format, skip: skip), threads: 2)
        let expected = try Self.outputs(Self.program(usual, rows: 5), rows: 5, runs: 2)
        #expect(try Self.outputs(Self.program(other, rows: 5), rows: 5, runs: 2) == expected)
    }

    /// The first and the last value, and both sides of a panel's edge.
    @Test(arguments: Self.tensors.map(\.name), [Float.nan, .infinity])
    func aBadWeightIsNamedWhereverItLies(name: String, bad: Float) throws {
        for place in [0, 63, 64, 65, -1] {
            var tensors = Self.tensors
            let index = try #require(tensors.firstIndex { $0.name == name })
            tensors[index].values[place < 0 ? tensors[index].values.count - 1 : place] = bad
            for format in [ParameterView.Format.float32, .bfloat16] {
                let engine = CPUEngine(source: Weights(tensors, format), threads: 2)
                // Again and again, and it costs no other program anything.
                for _ in 0..<2 {
                    #expect(throws: EngineError.nonFiniteParameter(name), "\(name)[\(place)]") {
                        _ = try Self.outputs(Self.program(engine, rows: 3), rows: 3, runs: 1)
                    }
                }
                var graph = Graph()
                let (other, width) = name == "wide" ? ("back", 33) : ("wide", 150)
                let x = graph.input("x", [3, 70])
                let y = graph.linear(x, graph.parameter(other, [width, 70]))
                _ = try Self.outputs(try engine.compile(graph, outputs: [y]), rows: 3, runs: 1, count: 1)
            }
        }
    }

    @Test func aLargeTableIsLookedUpInWhereItLies() throws {
        let shape: Shape = [1 << 15, 40]
        var values = Self.values(shape.count, seed: 6)
        func rows(_ engine: CPUEngine) throws -> [Float] {
            var graph = Graph()
            let indices = graph.input("indices", [3], .int32)
            let found = graph.embedding(graph.parameter("table", shape), indices)
            let program = try engine.compile(graph, outputs: [found])
            return try withUnsafeTemporaryAllocation(of: Int32.self, capacity: 3) { memory in
                _ = memory.initialize(from: [0, (1 << 15) - 1, 77])
                if let base = memory.baseAddress { program.bind("indices", to: base) }
                try program.run()
                return Array(program.output(0))
            }
        }
        let source = Weights([("table", shape, values)], .float32)
        let engine = CPUEngine(source: source, threads: 2)
        let expected = [0, (1 << 15) - 1, 77].flatMap { values[$0 * 40..<$0 * 40 + 40] }
        #expect(try rows(engine) == expected)
        #expect(source.releases.load(ordering: .relaxed) > 0, "checking it read all of it")
        // A variable of the same name has memory of its own, to be written to.
        try engine.variable("table", shape)[0] = 7
        #expect(try rows(engine) == expected)
        values[shape.count - 1] = .nan
        let broken = CPUEngine(source: Weights([("table", shape, values)], .float32), threads: 2)
        #expect(throws: EngineError.nonFiniteParameter("table")) { _ = try rows(broken) }
    }

    /// 96 MB of weights: more than may be resident beside what is made of them.
    @Test func pagesOfTheSourceAreReleasedOnTheWay() throws {
        let side = 2828
        let values = [Float](repeating: 0.25, count: side * side)
        let source = Weights((0..<3).map { ("\($0)", [side, side], values) }, .float32)
        let engine = CPUEngine(source: source, threads: 2)
        var graph = Graph()
        var x = graph.constant([Float](repeating: 0, count: side), [1, side])
        let input = graph.input("x", [1, side])
        x = graph.add(x, input)
        for layer in 0..<3 { x = graph.linear(x, graph.parameter("\(layer)", [side, side])) }
        let program = try engine.compile(graph, outputs: [x])
        #expect(source.releases.load(ordering: .relaxed) == 0, "nothing was read yet")
        let memory = UnsafeMutableRawPointer.allocate(byteCount: side * 4, alignment: 64)
        defer { memory.deallocate() }
        memory.initializeMemory(as: Float.self, repeating: 1, count: side)
        program.bind("x", to: memory)
        for _ in 0..<2 {
            let before = source.releases.load(ordering: .relaxed)
            try program.run()
            #expect(source.releases.load(ordering: .relaxed) >= before + 2, "within the run, and at its end")
        }
        let before = source.releases.load(ordering: .relaxed)
        try program.run()
        #expect(source.releases.load(ordering: .relaxed) == before, "all is packed")
    }
}
