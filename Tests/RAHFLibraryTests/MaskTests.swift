import CRAHF
import RewardImage
import RewardModel
import Testing

@Suite struct MaskTests {
    /// Two soft blobs, one stronger.
    static let heatmap = Heatmap(
        width: 32, height: 32,
        values: (0..<32 * 32).map { index in
            let (x, y) = (Float(index % 32), Float(index / 32))
            func blob(_ cx: Float, _ cy: Float, _ peak: Float) -> Float {
                max(0, peak - ((x - cx) * (x - cx) + (y - cy) * (y - cy)) / 30)
            }
            return min(blob(8, 9, 0.95) + blob(23, 20, 0.8), 1)
        })
    static let width: UInt32 = 200
    static let height: UInt32 = 160

    /// Makes a mask of options by name, for the length of a closure.
    static func withMask(_ set: [String: String] = [:], _ body: (OpaquePointer) throws -> Void) throws {
        let options = rahf_mask_options_new()
        defer { rahf_mask_options_free(options) }
        for (name, value) in set {
            #expect(rahf_mask_options_set(options, name, value) == Library.ok, "\(Library.lastError)")
        }
        var mask: OpaquePointer?
        try #require(rahf_mask_make(heatmap.values, 32, 32, width, height, options, &mask) == Library.ok)
        defer { rahf_mask_free(mask) }
        try body(try #require(mask))
    }

    static func pixels(_ mask: OpaquePointer, _ region: Int) throws -> [UInt8] {
        var pixels: UnsafePointer<UInt8>?
        var (maskWidth, maskHeight): (UInt32, UInt32) = (0, 0)
        try #require(rahf_mask_pixels(mask, region, &pixels, &maskWidth, &maskHeight) == Library.ok)
        #expect([maskWidth, maskHeight] == [width, height])
        return Array(UnsafeBufferPointer(start: pixels, count: Int(maskWidth * maskHeight)))
    }

    /// Every option with a value that differs from its default, and the same in Swift.
    static let all: [String: String] = [
        "threshold": "p90", "low": "0.3", "min-area": "2%", "max-area": "5000", "keep": "2", "keep-by": "peak",
        "fill-holes": "false", "open": "1", "close": "2", "dilate": "-1", "element": "square", "feather": "2.5",
        "offset": "-3,4", "invert": "true", "padding": "10", "snap": "16",
    ]
    static let allOptions = {
        var options = MaskOptions()
        options.threshold = .percentile(90)
        options.low = .absolute(0.3)
        options.minArea = .percent(2)
        options.maxArea = .pixels(5000)
        options.keep = 2
        options.keepBy = .peak
        options.fillHoles = false
        options.open = .pixels(1)
        options.close = .pixels(2)
        options.dilate = .pixels(-1)
        options.element = .square
        options.feather = .pixels(2.5)
        options.offset = PixelOffset(x: -3, y: 4)
        options.invert = true
        options.padding = 10
        options.snap = 16
        return options
    }()

    @Test(arguments: [true, false]) func masksAndRegionsAreThoseOfTheMaskTools(byDefault: Bool) throws {
        let options = byDefault ? MaskOptions() : Self.allOptions
        let expected = try MaskMaker.make(
            from: Self.heatmap, width: Int(Self.width), height: Int(Self.height), options: options)
        #expect(expected.regions.count == 2)
        try Self.withMask(byDefault ? [:] : Self.all) { mask in
            let all = try Self.pixels(mask, -1)
            #expect(all == expected.mask?.values)
            #expect(rahf_mask_region_count(mask) == 2)
            for (index, region) in expected.regions.enumerated() {
                let alone = try Self.pixels(mask, index)
                #expect(alone == expected.mask(ofRegion: index).values)
                var found = rahf_region()
                found.struct_size = MemoryLayout<rahf_region>.size
                #expect(rahf_mask_region(mask, index, &found) == Library.ok)
                let box = [found.x, found.y, found.width, found.height].map(Int.init)
                #expect(box == [region.box.x, region.box.y, region.box.width, region.box.height])
                let crop = [found.crop_x, found.crop_y, found.crop_width, found.crop_height].map(Int.init)
                #expect(crop == [region.crop.x, region.crop.y, region.crop.width, region.crop.height])
                #expect(found.area == UInt64(region.area))
                #expect([found.centroid_x, found.centroid_y] == [region.centroid.x, region.centroid.y])
                #expect([found.peak, found.mean] == [region.peak, region.mean])
            }
        }
    }

    @Test func pointersStayWhileTheMaskLives() throws {
        try Self.withMask { mask in
            var (first, again): (UnsafePointer<UInt8>?, UnsafePointer<UInt8>?)
            #expect(rahf_mask_pixels(mask, 0, &first, nil, nil) == Library.ok)
            for region in [1, -1] { #expect(rahf_mask_pixels(mask, region, nil, nil, nil) == Library.ok) }
            #expect(rahf_mask_pixels(mask, 0, &again, nil, nil) == Library.ok)
            #expect(first == again)
        }
    }

    @Test func nothingToRepairIsSaid() throws {
        var mask: OpaquePointer?
        #expect(rahf_mask_make([0.25, 0.25, 0.25, 0.25], 2, 2, 64, 64, nil, &mask) == Library.ok)
        defer { rahf_mask_free(mask) }
        #expect(rahf_mask_region_count(mask) == 0)
        var pixels: UnsafePointer<UInt8>?
        #expect(rahf_mask_pixels(mask, -1, &pixels, nil, nil) == Library.invalidRequest)
        #expect(Library.lastError.contains("nothing to repair"))
        #expect(pixels == nil)
    }

    @Test func optionsThatMakeNoSenseAreNamedAndChangeNothing() throws {
        let options = rahf_mask_options_new()
        defer { rahf_mask_options_free(options) }
        for (name, value) in [
            ("threshold", "2"), ("threshold", "nan"), ("threshold", ""), ("low", "otsu"), ("min-area", "-1"),
            ("max-area", "0"), ("max-area", "inf"), ("keep", "0"), ("keep", "99999999999999999999"),
            ("keep-by", "size"),
            ("fill-holes", "yes"), ("open", "-1"), ("close", "x"), ("dilate", "1e30"), ("element", "star"),
            ("feather", "-1"), ("feather", "100000"), ("offset", "1"), ("offset", "1,99999999999"), ("invert", "1"),
            ("padding", "-1"), ("snap", "0"), ("snap", "9223372036854775807"), ("--threshold", "0.5"), ("", ""),
        ] {
            #expect(rahf_mask_options_set(options, name, value) == Library.invalidRequest, "\(name) \(value)")
            #expect(!Library.lastError.isEmpty)
        }
        #expect(rahf_mask_options_set(nil, "keep", "1") == Library.invalidRequest)
        #expect(rahf_mask_options_set(options, nil, "1") == Library.invalidRequest)
        #expect(rahf_mask_options_set(options, "keep", nil) == Library.invalidRequest)
        let invalid: [CChar] = [-1, 0]
        #expect(rahf_mask_options_set(options, invalid, "1") == Library.invalidRequest)
        var mask: OpaquePointer?
        #expect(
            rahf_mask_make(Self.heatmap.values, 32, 32, Self.width, Self.height, options, &mask) == Library.ok)
        defer { rahf_mask_free(mask) }
        let expected = try MaskMaker.make(from: Self.heatmap, width: Int(Self.width), height: Int(Self.height))
        let actual = try Self.pixels(try #require(mask), -1)
        #expect(actual == expected.mask?.values)
    }

    @Test(arguments: ["1000000000", "-1000000000", "1000000000%"]) func hugeRadiiAreAnswered(radius: String) throws {
        for name in ["dilate", "open", "close"] where name == "dilate" || !radius.hasPrefix("-") {
            try Self.withMask([name: radius]) { mask in
                #expect(rahf_mask_region_count(mask) <= 2)
            }
        }
    }

    @Test func badMapsSizesAndIndicesAreRefused() throws {
        var mask: OpaquePointer?
        let values: [Float] = [0, 1, 0.5, .nan]
        #expect(rahf_mask_make(values, 2, 2, 64, 64, nil, &mask) == Library.invalidRequest)
        #expect(Library.lastError.contains("(1, 1)"))
        #expect(rahf_mask_make([0, 1, 0.5, 1.5], 2, 2, 64, 64, nil, &mask) == Library.invalidRequest)
        // Neither square nor of the image's shape.
        #expect(rahf_mask_make([0, 1, 0.5], 3, 1, 64, 64, nil, &mask) == Library.invalidRequest)
        #expect(rahf_mask_make(nil, 2, 2, 64, 64, nil, &mask) == Library.invalidRequest)
        #expect(rahf_mask_make(values, 1, 1, 64, 64, nil, nil) == Library.invalidRequest)
        for (width, height) in [(UInt32(0), UInt32(0)), (0, 4), (4, 0)] {
            #expect(rahf_mask_make(values, width, height, 64, 64, nil, &mask) == Library.invalidRequest)
            #expect(rahf_mask_make(values, 1, 1, width, height, nil, &mask) == Library.invalidRequest)
        }
        for (width, height) in [(UInt32.max, UInt32.max), (16_385, 4), (16_384, 16_384)] {
            #expect(rahf_mask_make(values, width, height, 64, 64, nil, &mask) == Library.tooLarge)
            #expect(rahf_mask_make(values, 1, 1, width, height, nil, &mask) == Library.tooLarge)
        }
        #expect(mask == nil)
        try Self.withMask { mask in
            var region = rahf_region()
            for index in [2, Int.max, -2, Int.min] {
                region.struct_size = MemoryLayout<rahf_region>.size
                #expect(rahf_mask_pixels(mask, index, nil, nil, nil) == Library.invalidRequest)
                #expect(rahf_mask_region(mask, index, &region) == Library.invalidRequest)
            }
            for size in [0, 8, MemoryLayout<rahf_region>.size - 1] {
                region.struct_size = size
                #expect(rahf_mask_region(mask, 0, &region) == Library.invalidRequest)
                #expect(region.area == 0)
            }
            #expect(rahf_mask_region(mask, 0, nil) == Library.invalidRequest)
        }
        rahf_mask_free(nil)
        rahf_mask_options_free(nil)
        #expect(rahf_mask_region_count(nil) == 0)
        #expect(rahf_mask_pixels(nil, 0, nil, nil, nil) == Library.invalidRequest)
        #expect(rahf_mask_region(nil, 0, nil) == Library.invalidRequest)
    }
}
