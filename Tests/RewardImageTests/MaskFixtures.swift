import FoundationEssentials
import RewardImage
import RewardTestSupport

/// Reads the fixtures that `Scripts/masks/make-fixtures.py` wrote.
enum MaskFixtures {
    static func load<Case: Decodable>(_ name: String, as type: Case.Type = Case.self) throws -> [Case] {
        let data = try Data(contentsOf: URL(filePath: Fixtures.path("RewardImageTests", "masks/\(name).json")))
        return try JSONDecoder().decode([Case].self, from: data)
    }

    /// A mask from packed bits.
    static func mask(_ bits: Data, _ width: Int, _ height: Int) -> Mask {
        let bytes = Array(bits)
        return Mask(
            width: width, height: height,
            values: (0..<width * height).map { bytes[$0 / 8] >> (7 - UInt8($0 % 8)) & 1 == 1 ? 255 : 0 })
    }

    static func heatmap(_ floats: Data, _ width: Int, _ height: Int) -> Heatmap {
        let bytes = Array(floats)
        let values = (0..<width * height).map { index in
            Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[index * 4 + $1]) << (8 * UInt32($1)) })
        }
        return Heatmap(width: width, height: height, values: values)
    }
}

/// A small generator with a fixed seed (PCG's multiplier).
struct Noise {
    var state: UInt64

    mutating func next(below bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % bound
    }

    mutating func mask(_ width: Int, _ height: Int, percent: Int) -> Mask {
        Mask(
            width: width, height: height,
            values: (0..<width * height).map { _ in next(below: 100) < percent ? 255 : 0 })
    }
}
