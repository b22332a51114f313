/// A value in a graph.
public struct Tensor: Hashable, Sendable {
    public let index: Int

    package init(index: Int) {
        self.index = index
    }
}

/// One operator applied to earlier values.
public struct Node: Sendable {
    public let operation: Operator
    public let inputs: [Tensor]
    public let shape: Shape
    public let type: ElementType
}

/// A computation with static shapes: nodes in an order in which each comes after its inputs.
///
/// The builders check shapes with preconditions: a graph is written by programmers, never by a caller's data.
public struct Graph: Sendable {
    public private(set) var nodes: [Node] = []

    public init() {}

    public subscript(tensor: Tensor) -> Node { nodes[tensor.index] }

    public func shape(_ tensor: Tensor) -> Shape { nodes[tensor.index].shape }

    package mutating func append(
        _ operation: Operator, _ inputs: [Tensor], _ shape: Shape, _ type: ElementType = .float32
    ) -> Tensor {
        nodes.append(Node(operation: operation, inputs: inputs, shape: shape, type: type))
        return Tensor(index: nodes.count - 1)
    }

    /// The values that `outputs` need, themselves included: everything else is dead code.
    public func live(from outputs: [Tensor]) -> [Bool] {
        var needed = [Bool](repeating: false, count: nodes.count)
        for output in outputs { needed[output.index] = true }
        for index in nodes.indices.reversed() where needed[index] {
            for input in nodes[index].inputs { needed[input.index] = true }
        }
        return needed
    }

    /// The values that change when any of `sources` does.
    func dependents(of sources: [Tensor]) -> [Bool] {
        var depends = [Bool](repeating: false, count: nodes.count)
        for source in sources { depends[source.index] = true }
        for index in nodes.indices where !depends[index] {
            depends[index] = nodes[index].inputs.contains { depends[$0.index] }
        }
        return depends
    }
}
