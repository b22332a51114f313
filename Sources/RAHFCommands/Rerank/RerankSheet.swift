import RewardImage
import RewardModel

/// A picture of an original and its repaints: columns are the original and the candidates in rank order, the upper row
/// shows them plain, the lower one with implausibility and the mask's outline.
///
/// Frames: white the original, green the chosen one, grey other eligible ones, red those with an objection.
struct RerankSheet {
    private static let side = 256
    private static let frame = 6
    private static let gap = 4

    private var columns: [(plain: Image, marked: Image, colour: [UInt8])] = []

    /// Adds a column. `heatmap` may be of any size.
    mutating func add(_ image: Image, heatmap: Heatmap?, mask: Mask, colour: Colour) {
        let (width, height) = Self.fit(image.width, image.height)
        let small = Self.resized(image, width, height)
        let map = heatmap.map {
            Resampler(
                fromWidth: $0.width, fromHeight: $0.height, toWidth: width, toHeight: height, filter: .bilinear
            ).apply($0)
        }
        let soft = Heatmap(width: mask.width, height: mask.height, values: mask.values.map { $0 > 0 ? 1 : 0 })
        let shrunk = Resampler(
            fromWidth: mask.width, fromHeight: mask.height, toWidth: width, toHeight: height, filter: .bilinear
        ).apply(soft)
        let outline = Mask(width: width, height: height, values: shrunk.values.map { $0 >= 0.5 ? 255 : 0 })
        columns.append((small, Overlay.draw(small, heatmap: map, outline: outline), colour.levels))
    }

    enum Colour {
        case original, chosen, eligible, rejected

        var levels: [UInt8] {
            switch self {
            case .original: [255, 255, 255]
            case .chosen: [40, 200, 80]
            case .eligible: [130, 130, 130]
            case .rejected: [210, 50, 50]
            }
        }
    }

    /// The sheet; nil when it has no column.
    var picture: Image? {
        guard let first = columns.first else { return nil }
        let (cellWidth, cellHeight) = (first.plain.width + 2 * Self.frame, first.plain.height + 2 * Self.frame)
        let width = columns.count * (cellWidth + Self.gap) - Self.gap
        let height = 2 * cellHeight + Self.gap
        var pixels = [UInt8](repeating: 24, count: width * height * 3)
        for (column, cell) in columns.enumerated() {
            for (row, image) in [cell.plain, cell.marked].enumerated() {
                let (left, top) = (column * (cellWidth + Self.gap), row * (cellHeight + Self.gap))
                let octets = image.octets
                for y in 0..<cellHeight {
                    for x in 0..<cellWidth {
                        let (innerX, innerY) = (x - Self.frame, y - Self.frame)
                        let target = ((top + y) * width + left + x) * 3
                        let isInside =
                            (0..<image.width).contains(innerX) && (0..<image.height).contains(innerY)
                        let source = (innerY * image.width + innerX) * 3
                        for channel in 0..<3 {
                            pixels[target + channel] = isInside ? octets[source + channel] : cell.colour[channel]
                        }
                    }
                }
            }
        }
        return Image(width: width, height: height, rgb: pixels)
    }

    private static func fit(_ width: Int, _ height: Int) -> (Int, Int) {
        let longest = max(width, height)
        if longest <= side { return (width, height) }
        return (max(1, width * side / longest), max(1, height * side / longest))
    }

    private static func resized(_ image: Image, _ width: Int, _ height: Int) -> Image {
        if image.width == width, image.height == height { return image }
        return Image(
            width: width, height: height,
            rgb: Resampler(
                fromWidth: image.width, fromHeight: image.height, toWidth: width, toHeight: height, filter: .bilinear
            ).apply(image))
    }
}

extension RerankSheet {
    /// The sheet of a ranking.
    init(_ ranking: Ranking, original: Image, mask: Mask) {
        add(original, heatmap: ranking.originalHeatmap, mask: mask, colour: .original)
        for (index, entry) in ranking.entries.enumerated() {
            guard let image = entry.candidate.image else { continue }
            let colour: Colour = entry.isEligible ? (index == 0 ? .chosen : .eligible) : .rejected
            add(image, heatmap: entry.heatmap, mask: mask, colour: colour)
        }
    }
}
