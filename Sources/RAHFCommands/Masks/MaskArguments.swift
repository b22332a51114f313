public import ArgumentParser
public import RewardImage

/// The options that turn a heatmap into a mask. Defaults and their reasons: `MaskOptions`.
struct MaskArguments: ParsableArguments {
    @Option(help: "What counts as damaged: a value in 0...1, a percentile as p95, or otsu. Inclusive.")
    var threshold = MaskOptions().threshold
    @Option(help: "Hysteresis: pixels from this value on join a region that reaches the threshold.")
    var low: HeatmapThreshold?
    @Option(help: "Drop smaller regions: pixels of the image, or a percentage of it.")
    var minArea = MaskOptions().minArea
    @Option(help: "Drop larger regions: pixels of the image, or a percentage of it.")
    var maxArea = MaskOptions().maxArea
    @Option(help: "Keep only this many regions.")
    var keep: Int?
    @Option(help: "What --keep ranks regions by; mass is the sum of the heatmap over a region.")
    var keepBy = MaskOptions().keepBy
    @Flag(inversion: .prefixedNo, help: "Fill holes in regions.")
    var fillHoles = MaskOptions().fillHoles
    @Option(help: "Radius of an opening, in pixels or percent of the short side: drops what is thinner.")
    var open = MaskOptions().open
    @Option(help: "Radius of a closing: closes what is narrower.")
    var close = MaskOptions().close
    @Option(
        parsing: .unconditional, help: "Grow regions by this radius, in pixels or percent; a negative one shrinks them."
    )
    var dilate = MaskOptions().dilate
    @Option(help: "The element of --open, --close and --dilate; a disk is dx² + dy² ≤ r², a cross a plus sign.")
    var element = MaskOptions().element
    @Option(help: "Blur the mask's rim after the dilation: a Gaussian's standard deviation in pixels or percent.")
    var feather = MaskOptions().feather
    @Option(help: "Pixels around each region's box in its crop (regions.json).")
    var padding = MaskOptions().padding
    @Option(parsing: .unconditional, help: "Move the mask: X pixels right, Y pixels down.")
    var offset = MaskOptions().offset
    @Flag(help: "Write 0 for what is repainted and 255 for what is kept.")
    var invert = false
    @Option(help: "Crops have sides that are multiples of this (regions.json).")
    var snap = MaskOptions().snap

    /// The options, or the reason they make no sense as an `ArgumentParser` usage error.
    func options() throws -> MaskOptions {
        var options = MaskOptions()
        options.threshold = threshold
        options.low = low
        options.minArea = minArea
        options.maxArea = maxArea
        options.keep = keep
        options.keepBy = keepBy
        options.fillHoles = fillHoles
        options.open = open
        options.close = close
        options.dilate = dilate
        options.element = element
        options.feather = feather
        options.padding = padding
        options.offset = offset
        options.invert = invert
        options.snap = snap
        if low == .otsu { throw ValidationError("--low is a value or a percentile") }
        if let problem = options.problem { throw ValidationError(problem) }
        return options
    }
}

extension MaskOptions {
    /// As typed, for `regions.json`.
    var json: JSON {
        .object([
            ("threshold", .string(threshold.description)),
            ("low", low.map { .string($0.description) } ?? .null),
            ("min_area", .string(minArea.description)), ("max_area", .string(maxArea.description)),
            ("keep", keep.map { .integer($0) } ?? .null), ("keep_by", .string(keepBy.rawValue)),
            ("fill_holes", .bool(fillHoles)), ("open", .string(open.description)),
            ("close", .string(close.description)), ("dilate", .string(dilate.description)),
            ("element", .string(element.rawValue)), ("feather", .string(feather.description)),
            ("padding", .integer(padding)), ("offset", .array([.integer(offset.x), .integer(offset.y)])),
            ("invert", .bool(invert)), ("snap", .integer(snap)),
        ])
    }
}

extension HeatmapThreshold: ExpressibleByArgument {
    public init?(argument: String) {
        self.init(argument)
    }

    public var defaultValueDescription: String { description }
}

extension MaskAmount: ExpressibleByArgument {
    public init?(argument: String) {
        self.init(argument)
    }

    public var defaultValueDescription: String { description }
}

extension StructuringElement.Shape: ExpressibleByArgument {}
extension MaskOptions.Rank: ExpressibleByArgument {}

extension PixelOffset: ExpressibleByArgument {
    public init?(argument: String) {
        self.init(argument)
    }

    public var defaultValueDescription: String { "\(x),\(y)" }
}
