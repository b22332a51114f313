import TensorGraph
import Testing

@Suite struct GraphTests {
    @Test func whatTheOutputsDoNotNeedIsDead() {
        var graph = Graph()
        let x = graph.input("x", [2, 3])
        let used = graph.activation(x, .relu)
        let unused = graph.activation(x, .sigmoid)
        let live = graph.live(from: [used])
        #expect(live[x.index] && live[used.index] && !live[unused.index])
    }

    @Test func aGradientComputesNothingForSourcesThatWereNotAskedFor() {
        var graph = Graph()
        let x = graph.input("x", [2, 3])
        let weight = graph.parameter("w", [4, 3])
        let y = graph.linear(x, weight)
        let seed = graph.input("seed", [2, 4])
        let gradient = graph.gradients(of: [(y, seed)], withRespectTo: [x])
        let live = graph.live(from: gradient)
        let operations = graph.nodes.indices.filter { live[$0] }.map { graph.nodes[$0].operation }
        #expect(operations.contains(.linear(transposed: true)))
        #expect(!operations.contains(.linearWeightGradient))
        #expect(graph.shape(gradient[0]) == [2, 3])
    }

    @Test func aSourceThatNoOutputDependsOnHasAZeroGradient() {
        var graph = Graph()
        let (x, other) = (graph.input("x", [2]), graph.input("other", [3]))
        let seed = graph.input("seed", [2])
        let gradient = graph.gradients(of: [(x, seed)], withRespectTo: [other])
        #expect(graph[gradient[0]].operation == .constant([0, 0, 0]))
    }
}
