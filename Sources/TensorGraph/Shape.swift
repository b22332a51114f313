/// Extents of a tensor, outermost first. Elements are stored row by row.
public struct Shape: Hashable, Sendable, ExpressibleByArrayLiteral, CustomStringConvertible {
    public let dimensions: [Int]

    public init(_ dimensions: [Int]) {
        precondition(dimensions.allSatisfy { $0 > 0 }, "every extent of \(dimensions) must be positive")
        self.dimensions = dimensions
    }

    public init(arrayLiteral elements: Int...) {
        self.init(elements)
    }

    public var rank: Int { dimensions.count }

    /// Number of elements.
    public var count: Int { dimensions.reduce(1, *) }

    /// The innermost extent: channels of a feature map, width of a token. 1 for a scalar.
    public var last: Int { dimensions.last ?? 1 }

    /// Number of innermost rows.
    public var rows: Int { count / last }

    public subscript(axis: Int) -> Int { dimensions[axis] }

    /// The same shape with another extent on one axis.
    public func with(_ axis: Int, _ extent: Int) -> Shape {
        var changed = dimensions
        changed[axis] = extent
        return Shape(changed)
    }

    /// True when `other` repeats over this shape's leading axes, as a bias does over rows.
    public func ends(with other: Shape) -> Bool {
        dimensions.suffix(other.rank).elementsEqual(other.dimensions)
    }

    public var description: String { "[\(dimensions.map(String.init).joined(separator: ", "))]" }
}

/// What one element of a tensor is.
public enum ElementType: Hashable, Sendable {
    case float32, int32
}
