/// A length or an area: pixels, or a share of the image.
public enum MaskAmount: Sendable, Equatable, CustomStringConvertible {
    case pixels(Double)
    /// Of a length: percent of the image's short side. Of an area: percent of the image's pixels.
    case percent(Double)

    public static let zero = MaskAmount.pixels(0)

    /// Reads `12`, `2.5` or `2%`, with a sign if wanted; nil for anything else.
    public init?(_ text: String) {
        let isPercent = text.hasSuffix("%")
        guard let value = Double(isPercent ? text.dropLast() : text[...]), value.magnitude <= 1e9 else { return nil }
        self = isPercent ? .percent(value) : .pixels(value)
    }

    public var description: String {
        func short(_ value: Double) -> String { value == value.rounded() ? "\(Int(value))" : "\(value)" }
        switch self {
        case .pixels(let value): return short(value)
        case .percent(let value): return short(value) + "%"
        }
    }

    var isPercentage: Bool {
        if case .percent = self { return true }
        return false
    }

    /// The value without its unit.
    public var number: Double {
        switch self {
        case .pixels(let value), .percent(let value): value
        }
    }

    /// As a length in pixels of an image. Percentages are rounded to whole pixels.
    public func length(width: Int, height: Int) -> Double {
        switch self {
        case .pixels(let value): value
        case .percent(let value): (value / 100 * Double(min(width, height))).rounded()
        }
    }

    /// As an area in pixels of an image.
    public func area(width: Int, height: Int) -> Double {
        switch self {
        case .pixels(let value): value
        case .percent(let value): value / 100 * Double(width * height)
        }
    }
}

/// A move by whole pixels: right and down are positive, as image coordinates are.
public struct PixelOffset: Sendable, Equatable {
    public var x: Int
    public var y: Int

    public init(x: Int, y: Int) {
        self.x = x
        self.y = y
    }

    /// Reads `X,Y`; nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) }
        // No image is larger, and sums cannot overflow.
        guard parts.count == 2, let x = parts[0], let y = parts[1], x.magnitude <= 1_000_000, y.magnitude <= 1_000_000
        else { return nil }
        self.init(x: x, y: y)
    }
}

/// How a heatmap becomes a mask. The paper (section 5) thresholds and dilates and gives no values; the defaults are
/// those that inpainting users already type, or follow from what inpainters do with a mask.
public struct MaskOptions: Sendable, Equatable {
    /// What a region is ranked by when only the first few are kept.
    public enum Rank: String, CaseIterable, Sendable {
        case area, peak
        /// The sum of the heatmap over the region.
        case mass
    }

    /// Default 0.5, as the detectors of Impact-Pack and diffusers' own binarisation.
    public var threshold = HeatmapThreshold.absolute(0.5)
    /// Hysteresis: pixels from here on join a region that has a pixel at the threshold (Canny 1986). Default none.
    /// A value above the threshold acts as the threshold.
    public var low: HeatmapThreshold?
    /// Smaller regions are dropped. Default 64: one cell of a latent image at an eighth of the size, and so the least
    /// that a latent inpainter can repaint.
    public var minArea = MaskAmount.pixels(64)
    /// Larger regions are dropped. Default 50%: past that, generating anew beats repainting.
    public var maxArea = MaskAmount.percent(50)
    /// Most regions kept; nil, the default, keeps all.
    public var keep: Int?
    /// Default mass: large and implausible first.
    public var keepBy = Rank.mass
    /// Default true: an island left inside a repainted region would keep the damage.
    public var fillHoles = true
    /// Radius of the opening. Default 0: none.
    public var open = MaskAmount.zero
    /// Radius of the closing. Default 0: none.
    public var close = MaskAmount.zero
    /// Radius of the dilation; negative erodes. Default 2%: 10 pixels at 512, as Impact-Pack's and PAL4VST's scripts.
    public var dilate = MaskAmount.percent(2)
    /// Element of opening, closing and dilation. Default disk: no corners.
    public var element = StructuringElement.Shape.disk
    /// Standard deviation of the Gaussian after the dilation, as A1111's mask blur and Pillow's `GaussianBlur`.
    /// Default 0: inpainters binarise or blur the mask themselves.
    public var feather = MaskAmount.zero
    /// Pixels that the mask is moved right and down. Default 0.
    public var offset = PixelOffset(x: 0, y: 0)
    /// 0 is repainted and 255 kept, as some services want it. Default false.
    public var invert = false
    /// Pixels around a region's box that its crop takes in. Default 32, as A1111's and diffusers' crops.
    public var padding = 32
    /// Crops have sides that are multiples of this. Default 8, the factor of latent autoencoders.
    public var snap = 8

    public init() {}

    /// Why these options make no sense, as a sentence; nil when they do.
    public var problem: String? {
        if minArea.number < 0 { return "the least area is negative" }
        if maxArea.number <= 0 { return "the largest area is not positive" }
        if let keep, keep < 1 { return "at least one region must be kept" }
        if open.number < 0 || close.number < 0 { return "opening and closing take a radius of 0 or more" }
        if feather.number < 0 { return "the feather is negative" }
        // Its cost grows with it.
        if feather.number > (feather.isPercentage ? 25 : 500) { return "the feather is over 500 pixels or 25%" }
        if padding < 0 || padding > Mask.maximumSide { return "the padding is not in 0 to \(Mask.maximumSide)" }
        if snap < 1 || snap > 4096 { return "crops snap to a multiple of 1 to 4096" }
        return nil
    }
}
