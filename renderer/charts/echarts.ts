/** The parts of ECharts that are used, and nothing else of it in the bundle. */
import { CustomChart, LineChart } from 'echarts/charts';
import { GridComponent } from 'echarts/components';
import { init, use, type EChartsType } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';

use([LineChart, CustomChart, GridComponent, CanvasRenderer]);

export { init };
export type { EChartsType };
