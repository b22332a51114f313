/// Where a group of objects stands.
package enum Place: String, CaseIterable, Sendable, Codable {
    case left, right, top, bottom, centre
    case topLeft = "top left"
    case topRight = "top right"
    case bottomLeft = "bottom left"
    case bottomRight = "bottom right"

    static let sides: [Place] = [.left, .right, .top, .bottom]
    static let corners: [Place] = [.topLeft, .topRight, .bottomLeft, .bottomRight]

    /// Left, top, right and bottom in [0, 1].
    var region: SIMD4<Float> {
        switch self {
        case .left: SIMD4(0.03, 0.05, 0.46, 0.95)
        case .right: SIMD4(0.54, 0.05, 0.97, 0.95)
        case .top: SIMD4(0.05, 0.03, 0.95, 0.46)
        case .bottom: SIMD4(0.05, 0.54, 0.95, 0.97)
        case .centre: SIMD4(0.27, 0.27, 0.73, 0.73)
        case .topLeft: SIMD4(0.03, 0.03, 0.46, 0.46)
        case .topRight: SIMD4(0.54, 0.03, 0.97, 0.46)
        case .bottomLeft: SIMD4(0.03, 0.54, 0.46, 0.97)
        case .bottomRight: SIMD4(0.54, 0.54, 0.97, 0.97)
        }
    }

    /// Places that share no part with this one, of its own sort, so that two groups can be told apart.
    var others: [Place] {
        switch self {
        case .left: [.right]
        case .right: [.left]
        case .top: [.bottom]
        case .bottom: [.top]
        case .centre: Place.corners
        default: Place.corners.filter { $0 != self }
        }
    }
}

/// Where a second group stands, seen from the first.
package enum Relation: String, CaseIterable, Sendable, Codable {
    case above, below, leftOf, rightOf

    var opposite: Relation {
        switch self {
        case .above: .below
        case .below: .above
        case .leftOf: .rightOf
        case .rightOf: .leftOf
        }
    }

    /// The first group's place and the second's when the first is `self` the second.
    var places: (first: Place, second: Place) {
        switch self {
        case .above: (.top, .bottom)
        case .below: (.bottom, .top)
        case .leftOf: (.left, .right)
        case .rightOf: (.right, .left)
        }
    }
}

/// Objects that a prompt names together: "two striped red circles at left".
package struct ObjectGroup: Sendable, Equatable, Codable {
    package var count: Int
    package var colour: ColourName
    package var shape: ShapeKind
    package var pattern: Pattern
    /// Where it stands; nil when the prompt does not say.
    package var place: Place?
}

/// What a picture stands on.
package enum Ground: Sendable, Equatable {
    case plain(ColourName)
    case gradient(ColourName, ColourName)
    /// Two shades of a colour, in clouds.
    case cloudy(ColourName)
    /// A photograph, by its short name.
    case photograph(String)
}

/// What a prompt says, or what a picture shows.
package struct SceneSpec: Sendable, Equatable {
    package var groups: [ObjectGroup]
    /// Of the first group to the second.
    package var relation: Relation?
    package var ground: Ground
    /// Whether the prompt names the ground.
    package var namesGround: Bool
}

/// What a contradicted word is about.
package enum WordCategory: String, CaseIterable, Sendable, Codable {
    case colour, number, shape, position, texture
    /// A thing in a photograph.
    case object
}
