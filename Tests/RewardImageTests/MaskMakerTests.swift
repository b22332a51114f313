import FoundationEssentials
import RewardImage
import RewardTestSupport
import Testing

@Suite struct MaskMakerTests {
    /// Options that do nothing but threshold.
    static var bare: MaskOptions {
        var options = MaskOptions()
        options.minArea = .zero
        options.maxArea = .percent(100)
        options.fillHoles = false
        options.dilate = .zero
        return options
    }

    struct Pipeline: Decodable {
        var width: Int
        var height: Int
        var levels: Data
        var low: Float
        var high: Float
        var least: Double
        var most: Double
        var open: Double
        var close: Double
        var dilate: Double
        var element: String
        var output: Data
    }

    @Test func theWholePipelineAgreesWithScipyToThePixel() throws {
        let cases: [Pipeline] = try MaskFixtures.load("pipeline")
        #expect(cases.count == 12)
        for (index, expected) in cases.enumerated() {
            var options = Self.bare
            options.threshold = .absolute(expected.high)
            options.low = .absolute(expected.low)
            options.minArea = .pixels(expected.least)
            options.maxArea = .pixels(expected.most)
            options.fillHoles = true
            options.open = .pixels(expected.open)
            options.close = .pixels(expected.close)
            options.dilate = .pixels(expected.dilate)
            options.element = try #require(StructuringElement.Shape(rawValue: expected.element))
            let heat = Heatmap(
                width: expected.width, height: expected.height, values: expected.levels.map { Float($0) / 255 })
            let result = try MaskMaker.make(
                from: heat, width: expected.width, height: expected.height, options: options)
            let wanted = MaskFixtures.mask(expected.output, expected.width, expected.height)
            #expect((result.mask == nil) == wanted.isEmpty, "case \(index)")
            #expect(result.mask ?? Mask(width: wanted.width, height: wanted.height) == wanted, "case \(index)")
            #expect(result.regions.reduce(0) { $0 + $1.area } == wanted.area, "case \(index)")
        }
    }

    struct Regions: Decodable {
        struct Region: Decodable {
            var box: [Int]
            var area: Int
            var peak: Float
            var mean: Float
            var centroid: [Double]
        }
        var width: Int
        var height: Int
        var input: Data
        var heat: Data
        var regions: [Region]
        var filled: Data
    }

    @Test func regionsAndHolesAgreeWithScipy() throws {
        let cases: [Regions] = try MaskFixtures.load("regions")
        for expected in cases {
            let (width, height) = (expected.width, expected.height)
            let mask = MaskFixtures.mask(expected.input, width, height)
            #expect(mask.holesFilled == MaskFixtures.mask(expected.filled, width, height))
            // The mask's pixels keep their heat, lifted over the threshold; the others lie under it.
            var heat = MaskFixtures.heatmap(expected.heat, width, height)
            for index in heat.values.indices {
                heat.values[index] = mask.values[index] != 0 ? 0.5 + heat.values[index] / 2 : 0.1
            }
            let found = try MaskMaker.make(from: heat, width: width, height: height, options: Self.bare).regions
            #expect(found.count == expected.regions.count)
            for (region, wanted) in zip(found, expected.regions) {
                #expect([region.box.x, region.box.y, region.box.width, region.box.height] == wanted.box)
                #expect(region.area == wanted.area)
                expectClose(
                    [region.peak, region.mean], [0.5 + wanted.peak / 2, 0.5 + wanted.mean / 2], absolute: 1e-5)
                expectClose(
                    [Float(region.centroid.x), Float(region.centroid.y)], wanted.centroid.map { Float($0) },
                    absolute: 1e-5)
            }
        }
    }

    struct Feather: Decodable {
        var width: Int
        var height: Int
        var sigma: Double
        var input: Data
        var output: Data
    }

    @Test func featheringAgreesWithScipyToOneLevel() throws {
        let cases: [Feather] = try MaskFixtures.load("feather")
        for expected in cases {
            let mask = MaskFixtures.mask(expected.input, expected.width, expected.height)
            let soft = mask.feathered(sigma: expected.sigma)
            // The sums are rounded in another order; a value at a half may fall to the other level.
            expectClose(
                soft.values.map { Float($0) }, expected.output.map { Float($0) }, absolute: 1, "\(expected.sigma)")
        }
    }

    @Test func keepTakesTheFirstRegionsByTheChosenRank() throws {
        var heat = Heatmap(width: 60, height: 20, values: [Float](repeating: 0, count: 1200))
        func paint(_ x: Int, _ side: Int, _ value: Float) {
            for row in 2..<2 + side { for column in x..<x + side { heat.values[row * 60 + column] = value } }
        }
        paint(2, 10, 0.5)
        paint(20, 4, 1)
        paint(40, 8, 0.9)
        for (rank, left) in [(MaskOptions.Rank.area, 2), (.peak, 20), (.mass, 40)] {
            var options = Self.bare
            options.keep = 1
            options.keepBy = rank
            let result = try MaskMaker.make(from: heat, width: 60, height: 20, options: options)
            #expect(result.regions.map(\.box.x) == [left] && result.dropped.beyondKeep == 2)
        }
        var options = Self.bare
        options.minArea = .pixels(17)
        options.maxArea = .percent(8)
        let result = try MaskMaker.make(from: heat, width: 60, height: 20, options: options)
        #expect(result.regions.map(\.area) == [64])
        #expect(result.dropped.small == 1 && result.dropped.huge == 1 && result.dropped.beyondKeep == 0)
    }

    @Test func thresholdsAreInclusiveAndHysteresisJoinsWhatTouchesAPeak() throws {
        let heat = Heatmap(width: 6, height: 1, values: [0.5, 0.3, 0.29, 0.3, 0.4, 0.49])
        var options = Self.bare
        options.low = .absolute(0.3)
        let mask = try #require(try MaskMaker.make(from: heat, width: 6, height: 1, options: options).mask)
        #expect(mask.values == [255, 255, 0, 0, 0, 0])
    }

    @Test func offsetInvertAndFeatherFollowInTheirOrder() throws {
        var heat = Heatmap(width: 9, height: 7, values: [Float](repeating: 0, count: 63))
        heat.values[3 * 9 + 4] = 1
        var options = Self.bare
        options.offset = PixelOffset(x: 3, y: -2)
        let moved = try MaskMaker.make(from: heat, width: 9, height: 7, options: options)
        #expect(moved.mask?.values.firstIndex(of: 255) == 1 * 9 + 7)
        #expect(moved.regions.first?.peak == 1 && moved.regions.first?.centroid.x == 7)
        #expect(moved.regions.first?.box == PixelBox(x: 7, y: 1, width: 1, height: 1))
        options.invert = true
        let inverted = try MaskMaker.make(from: heat, width: 9, height: 7, options: options)
        #expect(inverted.mask == moved.mask?.inverted)
        options.offset = PixelOffset(x: 100, y: 0)
        let gone = try MaskMaker.make(from: heat, width: 9, height: 7, options: options)
        #expect(gone.mask == nil && gone.dropped.lost == 1)
        options = Self.bare
        options.dilate = .pixels(2)
        options.feather = .pixels(1.5)
        let soft = try MaskMaker.make(from: heat, width: 9, height: 7, options: options)
        var hard = Mask(width: 9, height: 7)
        hard.values[3 * 9 + 4] = 255
        #expect(soft.mask == hard.dilated(by: StructuringElement(.disk, radius: 2)).feathered(sigma: 1.5))
        #expect(soft.regions.first?.area == 13)
    }

    @Test func oneMaskPerRegionSumsToTheMergedMask() throws {
        var noise = Noise(state: 4)
        let heat = Heatmap(
            width: 50, height: 40, values: (0..<2000).map { _ in Float(noise.next(below: 100)) / 100 })
        var options = Self.bare
        options.threshold = .percentile(97)
        let result = try MaskMaker.make(from: heat, width: 50, height: 40, options: options)
        var sum = [Int](repeating: 0, count: 2000)
        for index in result.regions.indices {
            let mask = result.mask(ofRegion: index)
            #expect(mask.area == result.regions[index].area)
            for pixel in sum.indices { sum[pixel] += Int(mask.values[pixel]) }
        }
        #expect(result.regions.count > 20 && sum == result.mask?.values.map { Int($0) })
    }

    /// Random options on random maps: nothing traps, and what is said of a mask is true of it.
    @Test func regionsDescribeTheMaskWhateverTheOptions() throws {
        var noise = Noise(state: 31)
        var masked = 0
        for round in 0..<400 {
            let (width, height) = (1 + noise.next(below: 60), 1 + noise.next(below: 60))
            let side = 1 + noise.next(below: 30)
            let map = Heatmap(
                width: side, height: side, values: (0..<side * side).map { _ in Float(noise.next(below: 101)) / 100 })
            func amount(_ bound: Int) -> MaskAmount {
                let value = Double(noise.next(below: bound))
                return noise.next(below: 2) == 0 ? .pixels(value / 2) : .percent(value)
            }
            var options = MaskOptions()
            options.threshold = [.absolute(0.7), .percentile(80), .otsu][noise.next(below: 3)]
            options.low = noise.next(below: 2) == 0 ? .absolute(0.5) : nil
            options.minArea = amount(10)
            options.maxArea = .percent(100)
            options.keep = noise.next(below: 2) == 0 ? 1 + noise.next(below: 4) : nil
            options.keepBy = MaskOptions.Rank.allCases[noise.next(below: 3)]
            options.fillHoles = noise.next(below: 2) == 0
            options.open = amount(4)
            options.close = amount(6)
            options.dilate = round % 5 == 0 ? .pixels(-1) : amount(20)
            options.element = StructuringElement.Shape.allCases[noise.next(below: 3)]
            options.offset = PixelOffset(x: noise.next(below: 9) - 4, y: noise.next(below: 9) - 4)
            options.invert = noise.next(below: 2) == 0
            let result = try MaskMaker.make(from: map, width: width, height: height, options: options)
            #expect((result.mask == nil) == result.regions.isEmpty)
            guard let written = result.mask else { continue }
            masked += 1
            let mask = options.invert ? written.inverted : written
            #expect(mask.width == width && mask.height == height)
            #expect(mask.area == result.regions.reduce(0) { $0 + $1.area })
            for (index, region) in result.regions.enumerated() {
                let own = result.mask(ofRegion: index)
                let values = options.invert ? own.inverted.values : own.values
                let set = values.indices.filter { values[$0] != 0 }
                let (columns, rows) = (set.map { $0 % width }, set.map { $0 / width })
                #expect(region.area == set.count && region.mean <= region.peak)
                #expect(region.box.x == columns.min() && region.box.x + region.box.width - 1 == columns.max())
                #expect(region.box.y == rows.min() && region.box.y + region.box.height - 1 == rows.max())
            }
        }
        #expect(masked > 200)
    }

    @Test func aFlatMapHasNothingToRepairWhateverTheThreshold() throws {
        for threshold in [HeatmapThreshold.absolute(0.5), .percentile(95), .otsu] {
            var options = MaskOptions()
            options.threshold = threshold
            let flat = Heatmap(width: 8, height: 8, values: [Float](repeating: 0.2, count: 64))
            let result = try MaskMaker.make(from: flat, width: 64, height: 64, options: options)
            #expect(result.mask == nil && result.regions.isEmpty)
        }
    }

    @Test func mapsThatAreNoHeatmapOfTheImageAreRefused() {
        func problem(_ map: Heatmap) -> MaskError? {
            do {
                _ = try MaskMaker.make(from: map, width: 64, height: 32)
                return nil
            } catch { return error }
        }
        #expect(problem(Heatmap(width: 8, height: 8, values: [Float](repeating: 0, count: 64))) == nil)
        #expect(problem(Heatmap(width: 8, height: 4, values: [Float](repeating: 0, count: 32))) == nil)
        #expect(
            problem(Heatmap(width: 4, height: 8, values: [Float](repeating: 0, count: 32)))
                == .heatmapShape(width: 4, height: 8, imageWidth: 64, imageHeight: 32))
        for value in [Float.nan, .infinity, -0.1, 1.5] {
            var map = Heatmap(width: 8, height: 4, values: [Float](repeating: 0, count: 32))
            map.values[10] = value
            guard case .heatmapValue(x: 2, y: 1, let found)? = problem(map) else {
                Issue.record("\(value) passed")
                continue
            }
            #expect(found == value || found.isNaN)
        }
    }

    @Test func cropsTakeInTheirSurroundingsInMultiplesAndStayInTheImage() {
        var noise = Noise(state: 8)
        for _ in 0..<500 {
            let (width, height) = (1 + noise.next(below: 300), 1 + noise.next(below: 300))
            let (x, y) = (noise.next(below: width), noise.next(below: height))
            let box = PixelBox(
                x: x, y: y, width: 1 + noise.next(below: width - x), height: 1 + noise.next(below: height - y))
            let crop = box.crop(padding: noise.next(below: 40), snap: 8, imageWidth: width, imageHeight: height)
            #expect(crop.x >= 0 && crop.y >= 0 && crop.x + crop.width <= width && crop.y + crop.height <= height)
            #expect(crop.x <= box.x && crop.x + crop.width >= box.x + box.width)
            #expect(crop.y <= box.y && crop.y + crop.height >= box.y + box.height)
            #expect(crop.width % 8 == 0 || crop.width == width)
            #expect(crop.height % 8 == 0 || crop.height == height)
        }
        let box = PixelBox(x: 100, y: 3, width: 20, height: 10)
        #expect(
            box.crop(padding: 32, snap: 8, imageWidth: 512, imageHeight: 512)
                == PixelBox(x: 64, y: 0, width: 88, height: 48))
    }
}
